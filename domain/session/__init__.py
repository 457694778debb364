"""Sessions of a council (phiên họp, lấy ý kiến): agenda, attendance, conflicts, sealed sheets, minutes."""
