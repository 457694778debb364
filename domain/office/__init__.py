"""An office (cơ quan, đơn vị): the body that people act for."""
