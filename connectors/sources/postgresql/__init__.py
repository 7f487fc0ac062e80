"""PostgreSQL: psycopg for getting in and metadata, COPY for rows."""
