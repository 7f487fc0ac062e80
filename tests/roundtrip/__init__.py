"""The proof of exactness: what a whole export wrote, loaded into a second, empty database, is the first one.

Exports run through the real pipeline on real servers, and are loaded by the databases' own clients, as the
README says. Compared is what the servers themselves print and compute.
"""
