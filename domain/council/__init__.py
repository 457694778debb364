"""Councils (hội đồng đánh giá): set up by a decision, with members and rules of procedure."""
