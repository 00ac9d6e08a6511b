//! What was found.

use std::collections::BTreeMap;

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

/// How the rows of a section ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Section {
    /// How many it has.
    pub rows: usize,
    /// Of these, how many were tried.
    pub tried: usize,
    /// Of those that were tried: nothing is wrong with any try.
    pub held: usize,
    /// At worst, a try is odd.
    pub odd: usize,
    /// Something got through.
    pub failed: usize,
    /// No try could be made.
    pub not_tried: usize,
}

impl Report {
    /// By the letter of each section, how its rows ended. `D00` is no row of the checklist.
    #[must_use]
    pub fn sections(&self) -> BTreeMap<char, Section> {
        let mut rows: BTreeMap<&str, Vec<Verdict>> = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| finding.row != "D00") {
            rows.entry(finding.row).or_default().push(finding.verdict);
        }
        let mut sections: BTreeMap<char, Section> = BTreeMap::new();
        for (row, verdicts) in rows {
            let section = sections.entry(row.chars().next().unwrap_or_default()).or_default();
            let has = |verdict| verdicts.contains(&verdict);
            section.rows += 1;
            let ended = if has(Verdict::Leak) || has(Verdict::Bypass) {
                &mut section.failed
            } else if has(Verdict::Odd) {
                &mut section.odd
            } else if has(Verdict::Held) {
                &mut section.held
            } else {
                &mut section.not_tried
            };
            *ended += 1;
            section.tried = section.rows - section.not_tried;
        }
        sections
    }

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
