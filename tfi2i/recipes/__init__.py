"""What to train: typed configurations, the named recipes, and what joins the parts."""
