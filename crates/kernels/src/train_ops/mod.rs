//! Forward and backward operations of training and of encoders.
