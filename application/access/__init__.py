"""Who is calling: accounts, sessions, codes, service accounts. What a person may do is not decided here."""
