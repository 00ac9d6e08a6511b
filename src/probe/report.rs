//! What was found.

use serde::Serialize;

/// What a try says of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Held,
    /// It could not be tried.
    NotTried,
    /// Nothing was shown, but the answer is not the one that is expected, or could not be read.
    Odd,
    /// What must be refused was not, or an answer tells of what is hidden without showing it.
    Bypass,
    /// Something was shown that must be hidden.
    Leak,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::NotTried => "not tried",
            Self::Odd => "odd",
            Self::Bypass => "BYPASS",
            Self::Leak => "LEAK",
        }
    }
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The row of the checklist.
    pub row: &'static str,
    /// What was sent, shortened; no credential is in it.
    pub sent: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// What that means.
    pub verdict: Verdict,
}

/// All tries, in the order of the checklist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The tries.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many tries ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Whether something got round the deployment.
    #[must_use]
    pub fn is_breached(&self) -> bool {
        self.findings.iter().any(|finding| finding.verdict >= Verdict::Bypass)
    }
}
