//! Passwords at rest: Argon2id, as PHC strings. [decision 4]
//!
//! Hashing takes some 20 ms on purpose; never do it where requests wait for each other.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use cordboard_core::directory::PasswordHash;
use std::sync::{Mutex, PoisonError};

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Imported hashes may ask for so much memory, in KiB; a hash that asks for more is not usable.
const MOST_MEMORY: u32 = 64 * 1_024;

/// Whose turn it is to hash. One at a time: the working memory is most of what the program needs at its peak.
static TURN: Mutex<()> = Mutex::new(());

fn hasher() -> Argon2<'static> {
    let params = Params::new(COST.0, COST.1, COST.2, None)
        .expect("the cost constants are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn compute(argon2: &Argon2<'_>, password: &str, salt: &[u8], length: usize) -> Option<Output> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut memory = vec![Block::new(); argon2.params().block_count()];
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..length)?;
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, out, &mut memory)
        .ok()?;
    Output::new(out).ok()
}

/// An empty text is no secret: an account that had it could be used without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must not be empty")]
pub struct EmptySecret;

/// Hashes a password with a salt of its own. Every password and PIN that is set goes through here.
///
/// # Errors
/// [`EmptySecret`] for an empty one.
///
/// # Panics
/// When the system gives no randomness; nothing safe can be done then.
pub fn hash(password: &str) -> Result<PasswordHash, EmptySecret> {
    if password.is_empty() {
        return Err(EmptySecret);
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).expect("the system gives randomness");
    let argon2 = hasher();
    let hash = compute(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN);
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).expect("the costs are numbers"),
        salt: Some(Salt::new(&salt).expect("sixteen bytes are a salt")),
        hash: Some(hash.expect("a password of any length can be hashed")),
    };
    Ok(PasswordHash::new(phc.to_string()))
}

/// Is this the password? Takes as long for a wrong one as for the right one. An empty one never is, whatever was hashed elsewhere.
pub fn verify(password: &str, hash: &PasswordHash) -> bool {
    if password.is_empty() {
        return false;
    }
    let Some((argon2, phc)) = read(hash.expose()) else {
        return false;
    };
    let (Some(salt), Some(expected)) = (&phc.salt, &phc.hash) else {
        return false;
    };
    // The library compares outputs in constant time.
    compute(&argon2, password, salt, expected.len()).is_some_and(|found| found == *expected)
}

fn read(phc: &str) -> Option<(Argon2<'static>, Phc)> {
    let phc = Phc::new(phc).ok()?;
    let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
    let version = phc.version.map_or(Ok(Version::V0x13), Version::try_from);
    let params = Params::try_from(&phc).ok()?;
    (params.m_cost() <= MOST_MEMORY).then_some(())?;
    Some((Argon2::new(algorithm, version.ok()?, params), phc))
}

/// Is this text a hash that [`verify`] can use?
pub fn is_usable(phc: &str) -> bool {
    read(phc).is_some_and(|(_, phc)| phc.salt.is_some() && phc.hash.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_verifies_against_its_own_hash_only() {
        let one = hash("123").unwrap();
        assert!(verify("123", &one));
        assert!(!verify("124", &one));
        assert!(!verify("", &one));
        assert_ne!(
            one.expose(),
            hash("123").unwrap().expose(),
            "each hash has a salt of its own"
        );
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(is_usable(one.expose()));
        assert!(!is_usable("123"));
    }

    #[test]
    fn an_empty_secret_is_never_set_and_never_right() {
        assert_eq!(hash(""), Err(EmptySecret));
        // Made elsewhere and imported as a hash.
        let imported = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$";
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let of_nothing = compute(&argon2, "", b"somesalt", 32).unwrap();
        let phc = format!("{imported}{of_nothing}");
        assert!(is_usable(&phc), "{phc}");
        assert!(!verify("", &PasswordHash::new(phc)));
    }

    #[test]
    fn hashes_of_other_costs_and_kinds_verify_and_one_that_wants_too_much_memory_is_refused() {
        // Made with the reference implementation: argon2 -e, password "password", salt "somesalt".
        let imported =
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";
        assert!(is_usable(imported));
        assert!(verify("password", &PasswordHash::new(imported)));
        assert!(!verify("passwore", &PasswordHash::new(imported)));
        let greedy = imported.replace("m=65536", "m=4194304");
        assert!(!is_usable(&greedy));
        assert!(!verify("password", &PasswordHash::new(greedy)));
        assert!(!is_usable("$argon2id$v=19$m=19456,t=2,p=1"));
    }
}
