"""Tables from exports: read strictly, with an account of every row.

``Table`` reads a file of delimited text: it finds encoding, delimiter and quotes, compares each row
with the header, and counts what it guessed, stripped and left out, with line numbers.
"""

from roadbed.tables.account import Account, Lines
from roadbed.tables.errors import TableError
from roadbed.tables.reader import LeftOut, Row, Table

__all__ = ["Account", "LeftOut", "Lines", "Row", "Table", "TableError"]
