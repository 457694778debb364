"""The programme (chương trình, kế hoạch): what an area means to reach, and what it does for it."""
