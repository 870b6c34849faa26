-- Every process looks at which migrations were made; only the owner makes them.

REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM geocrop_system;
GRANT SELECT ON _sqlx_migrations TO geocrop_system;
