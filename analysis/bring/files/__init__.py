"""Reading files that anybody may have written, and what is read from them."""
