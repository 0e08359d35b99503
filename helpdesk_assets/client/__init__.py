"""HTTP as this project promises it: which requests are repeated, and what failures say."""
