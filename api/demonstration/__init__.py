"""The demonstration: programme year 2026 of Phú Thọ with the products of the Đà Bắc plan of 2023.

Product names, producers and places come from that plan; everything else is marked illustrative: what happens to
the products, the provincial council, its two sessions and the decision.
"""
