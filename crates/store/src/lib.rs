//! The store: every verb of the product, over catalog and array.
