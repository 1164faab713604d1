ALTER TABLE use_case RENAME COLUMN bridges_left TO cautious_improvements_left;
ALTER TABLE certificate RENAME COLUMN bridged TO cautious;
-- The API returns certificates as rows; clients can read the old name for one release.
ALTER TABLE certificate ADD COLUMN bridged boolean GENERATED ALWAYS AS (cautious) STORED
