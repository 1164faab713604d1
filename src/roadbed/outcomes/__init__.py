"""What later turned out true or happened: reported from outside, and never simply believed."""
