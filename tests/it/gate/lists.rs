//! Lists: what a route declares of them, and rows D01 to D20 of the checklist that no other file has.
