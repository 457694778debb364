"""A subject of personal data (chủ thể dữ liệu): requests to erase, how they were decided, keys destroyed."""
