//! The checker finds what is planted: it is shown a sound history, and then the same with one thing wrong.
