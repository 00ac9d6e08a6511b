//! `${env:NAME}` and `${file:PATH}` inside any string of a file; `$${` stands for the characters `${`.
//!
//! What is put in is not looked at again, and never appears in an error.

use std::{
    borrow::Cow,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use super::mistake::Wrong;

/// Largest file that `${file:PATH}` reads, in bytes: many times any key or token.
pub(super) const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Looks an environment variable up.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where references lead.
pub(super) struct References<'a> {
    /// The environment.
    pub(super) env: Env<'a>,
    /// The folder at which relative paths start.
    pub(super) folder: &'a Path,
    /// Every file that a `${file:…}` named, for the watch.
    pub(super) files: Vec<PathBuf>,
}

impl References<'_> {
    /// The text with its references replaced.
    ///
    /// # Errors
    /// [`Wrong`], naming the variable or file, never a value.
    pub(super) fn fill<'t>(&mut self, text: &'t str) -> Result<Cow<'t, str>, Wrong> {
        if !text.contains("${") {
            return Ok(Cow::Borrowed(text));
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                filled.push_str(before);
                filled.push_str("${");
                rest = after;
                continue;
            }
            filled.push_str(before);
            let (reference, after) = after.split_once('}').ok_or(Wrong::Reference)?;
            filled.push_str(&self.value(reference)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(Cow::Owned(filled))
    }

    fn value(&mut self, reference: &str) -> Result<String, Wrong> {
        match reference.split_once(':') {
            Some(("env", variable)) if !variable.is_empty() => {
                (self.env)(variable).ok_or_else(|| Wrong::VariableUnset { variable: variable.to_owned() })
            }
            Some(("file", file)) if !file.is_empty() => self.file(file),
            _ => Err(Wrong::Reference),
        }
    }

    /// The file's text without the newline at its end, which editors and `echo` put there.
    fn file(&mut self, file: &str) -> Result<String, Wrong> {
        let path = self.folder.join(file);
        self.files.push(path.clone());
        let unreadable = |e: std::io::Error| Wrong::FileUnreadable { file: file.to_owned(), kind: e.kind() };
        let mut bytes = Vec::new();
        fs::File::open(path)
            .and_then(|opened| opened.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        let unfit = || Wrong::FileUnfit { file: file.to_owned() };
        if bytes.len() as u64 > SECRET_BYTES_MAX {
            return Err(unfit());
        }
        let mut text = String::from_utf8(bytes).map_err(|_not_text| unfit())?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Result<String, Wrong> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "from a file\r\n").unwrap();
        let env = |name: &str| (name == "TOKEN").then(|| "${env:TOKEN}".to_owned());
        let mut references = References { env: &env, folder: folder.path(), files: Vec::new() };
        references.fill(text).map(Cow::into_owned)
    }

    #[test]
    fn references_are_replaced_once() {
        for (text, want) in [
            ("plain $ {env:TOKEN}", "plain $ {env:TOKEN}"),
            ("${env:TOKEN}", "${env:TOKEN}"),
            ("a ${env:TOKEN} b ${file:token}", "a ${env:TOKEN} b from a file"),
            ("$${env:TOKEN}", "${env:TOKEN}"),
        ] {
            assert_eq!(fill(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        for (text, want) in [
            ("${env:NONE}", "the environment variable `NONE` is not set"),
            ("${file:none}", "the file `none` cannot be read: entity not found"),
        ] {
            assert_eq!(fill(text).unwrap_err().to_string(), want);
        }
        for text in ["${", "${env:TOKEN", "${TOKEN}", "${env:}", "${vault:x}"] {
            assert_eq!(fill(text), Err(Wrong::Reference), "{text}");
        }
    }
}
