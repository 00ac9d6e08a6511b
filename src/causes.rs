//! An error with all that caused it, on one line: for logs. An error's own `Display` tells its level alone.

use std::{error::Error, fmt};

/// Shows an error and, behind it, each cause.
#[derive(Clone, Copy, Debug)]
pub struct Causes<'e>(pub &'e (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not reach the backend")]
    struct Unreached(#[source] Refused);

    #[derive(Debug, thiserror::Error)]
    #[error("connection refused")]
    struct Refused;

    #[test]
    fn an_error_is_told_with_its_causes() {
        assert_eq!(Causes(&Refused).to_string(), "connection refused");
        assert_eq!(
            Causes(&Unreached(Refused)).to_string(),
            "could not reach the backend: connection refused"
        );
    }
}
