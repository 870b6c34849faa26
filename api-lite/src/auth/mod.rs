//! Who is asking: passwords, keys and tokens.

mod callers;
mod keys;
mod password;
mod token;

pub use keys::{TokenKeyError, make_token_key};
pub use password::{PasswordError, hash_password};

pub(crate) use callers::Callers;
pub(crate) use password::Passwords;
pub(crate) use token::Tokens;
