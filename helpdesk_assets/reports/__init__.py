"""What is made of the tickets: small tables in SQL, their charts, and a page with all of it."""
