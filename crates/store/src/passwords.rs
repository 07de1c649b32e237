//! Passwords at rest: Argon2id, as PHC strings. [decision 4]
//!
//! Hashing takes some 20 ms on purpose; never do it where requests wait for each other.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash as Phc};
use argon2::{Algorithm, Argon2, Params, Version};
use cordboard_core::directory::PasswordHash;

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);

fn hasher() -> Argon2<'static> {
    let params = Params::new(COST.0, COST.1, COST.2, None)
        .expect("the cost constants are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password with a salt of its own.
///
/// # Panics
/// When the system gives no randomness; nothing safe can be done then.
pub fn hash(password: &str) -> PasswordHash {
    let hash = hasher()
        .hash_password(password.as_bytes())
        .expect("a password of any length can be hashed");
    PasswordHash::new(hash.to_string())
}

/// Is this the password? Takes as long for a wrong one as for the right one.
pub fn verify(password: &str, hash: &PasswordHash) -> bool {
    Phc::new(hash.expose())
        .is_ok_and(|phc| hasher().verify_password(password.as_bytes(), &phc).is_ok())
}

/// Is this text a hash that [`verify`] can use?
pub fn is_usable(phc: &str) -> bool {
    Phc::new(phc).is_ok_and(|phc| phc.algorithm.as_str().starts_with("argon2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_verifies_against_its_own_hash_only() {
        let one = hash("123");
        assert!(verify("123", &one));
        assert!(!verify("124", &one));
        assert!(!verify("", &one));
        assert_ne!(
            one.expose(),
            hash("123").expose(),
            "each hash has a salt of its own"
        );
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(is_usable(one.expose()));
        assert!(!is_usable("123"));
    }
}
