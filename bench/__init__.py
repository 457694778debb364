"""Measurements of the service, each beside a measuring stick of the same run. See docs/performance.md."""
