//! Multiclass logistic regression with the quadratic gradient, in clear and on ciphertexts.
