"""The seeded-fault score: which test of a plan set catches which fault, what slips through, who is falsely blamed."""
