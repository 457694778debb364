"""The product's stream: one journey (hành trình) through the six steps, cycle after cycle."""
