"""What analysts may ask: documented views of the tables, each reader's own tenant and no other's.

v_*.sql      a view each, with a comment for every column
making       makes them over the live tables
guarding     the wall between tenants: row-level security below the views
analysts     who may read, and of which tenant
"""
