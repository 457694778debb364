"""A person (người dùng): what he may do, from when to when, and by which paper."""
