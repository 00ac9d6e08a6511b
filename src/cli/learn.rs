//! `headgate learn`: drafts an entity from recorded answers.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Read, Write},
    path::PathBuf,
    process::ExitCode,
    rc::Rc,
};

use clap::Args;
use serde_json::Value;

use crate::{
    config::{Env, Mistakes, alone},
    learn::{Declared, Difference, Lesson, Place, against, page},
};

/// Largest document that is read, in bytes; one at a time is held. Larger than any answer that a filter would hold.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// Arguments of `learn`.
#[derive(Debug, Args)]
pub(super) struct Learn {
    /// The name of the entity.
    #[arg(long, value_name = "NAME", value_parser = entity_name)]
    entity: String,
    /// Where its objects stand in an answer: a JSON pointer, `*` for each item of a list. Default: the answer itself.
    #[arg(long, value_name = "POINTER", default_value = "")]
    at: Place,
    /// Compare with the entity of this name in a configuration folder; exits with 1 if something differs.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// With `--against`: whose entity it is.
    #[arg(long, value_name = "NAME", default_value = "default", requires = "against")]
    tenant: String,
    /// Files of answers, each JSON or JSON lines. Without one, or for `-`: the standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The name of an entity, as `routes.toml` takes it.
fn entity_name(text: &str) -> Result<String, NotAName> {
    let sort = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let sound =
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(sort) && text.len() <= 63;
    sound.then(|| text.to_owned()).ok_or(NotAName)
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("expected letters, digits, `-` and `_`, at most 63")]
struct NotAName;

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
enum NotLearned {
    #[error("could not read {file}: {source}")]
    Read { file: String, source: io::Error },
    #[error("{file} is not JSON, or a document in it is larger than {DOCUMENT_BYTES_MAX} bytes: {place}")]
    Json { file: String, place: JsonPlace },
    #[error("no object stands where `--at` leads in what was read: {}", count(*documents, "answer"))]
    NoObject { documents: u64 },
    #[error(transparent)]
    Config(#[from] Mistakes),
    #[error("the tenant `{tenant}` declares no entity `{entity}`")]
    Undeclared { tenant: String, entity: String },
    #[error("the result could not be written")]
    Output(#[from] io::Error),
}

/// Where a file stops being JSON. What stands there is not told.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, column {column}")]
struct JsonPlace {
    line: usize,
    column: usize,
}

impl Learn {
    /// Prints the draft: 0; with `--against` 1 if something differs. 2 if nothing could be learned.
    pub(super) fn run(&self, env: Env<'_>, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
        match self.learn(env, out) {
            Ok(code) => Ok(code),
            Err(NotLearned::Output(error)) => Err(error),
            Err(error) => {
                writeln!(err, "{error}")?;
                Ok(ExitCode::from(2))
            }
        }
    }

    fn learn(&self, env: Env<'_>, out: &mut dyn Write) -> Result<ExitCode, NotLearned> {
        let declared = self.against.is_some().then(|| self.declared(env)).transpose()?;
        let lesson = self.lesson()?;
        let Some(declared) = declared else {
            write!(out, "{}", page(&lesson, &self.entity))?;
            return Ok(ExitCode::SUCCESS);
        };
        let differences = against(&lesson, &declared);
        for difference in &differences {
            match difference {
                Difference::NeverSeen(name) => writeln!(out, "declared, never seen   {name:?}")?,
                Difference::Removed { field, objects } => {
                    writeln!(out, "seen, would be removed {field:?}, in {objects} of {}", lesson.objects())?;
                }
            }
        }
        if differences.is_empty() {
            let objects = count(lesson.objects(), "object");
            writeln!(out, "{objects}, with what `{}` declares and nothing else", self.entity)?;
        }
        Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn lesson(&self) -> Result<Lesson, NotLearned> {
        let mut lesson = Lesson::default();
        let mut documents = 0;
        if self.files.is_empty() {
            self.read("the standard input", io::stdin().lock(), &mut lesson, &mut documents)?;
        }
        for file in &self.files {
            let name = format!("`{}`", file.display());
            if file.as_os_str() == "-" {
                self.read("the standard input", io::stdin().lock(), &mut lesson, &mut documents)?;
                continue;
            }
            let opened = File::open(file);
            let opened = opened.map_err(|source| NotLearned::Read { file: name.clone(), source })?;
            self.read(&name, opened, &mut lesson, &mut documents)?;
        }
        if lesson.objects() == 0 { Err(NotLearned::NoObject { documents }) } else { Ok(lesson) }
    }

    /// Takes in the objects of a file's documents, which may stand one behind the other.
    fn read(
        &self,
        name: &str,
        file: impl Read,
        lesson: &mut Lesson,
        documents: &mut u64,
    ) -> Result<(), NotLearned> {
        let left = Rc::new(Cell::new(DOCUMENT_BYTES_MAX));
        let bounded = Bounded { inner: BufReader::new(file), left: Rc::clone(&left) };
        for document in serde_json::Deserializer::from_reader(bounded).into_iter::<Value>() {
            let document = document.map_err(|error| {
                let file = name.to_owned();
                match error.io_error_kind() {
                    Some(kind) if kind != io::ErrorKind::FileTooLarge => {
                        NotLearned::Read { file, source: kind.into() }
                    }
                    _ => NotLearned::Json {
                        file,
                        place: JsonPlace { line: error.line(), column: error.column() },
                    },
                }
            })?;
            *documents += 1;
            left.set(DOCUMENT_BYTES_MAX);
            self.at.objects(&document).into_iter().for_each(|object| lesson.take(object));
        }
        Ok(())
    }

    fn declared(&self, env: Env<'_>) -> Result<Declared, NotLearned> {
        let folder = self.against.as_deref().unwrap_or_else(|| std::path::Path::new("config"));
        let declared = alone::entity(folder, &self.tenant, &self.entity, env)?;
        let Some(alone::Entity { fields, nested }) = declared else {
            let (tenant, entity) = (self.tenant.clone(), self.entity.clone());
            return Err(NotLearned::Undeclared { tenant, entity });
        };
        Ok(Declared { fields, nested })
    }
}

fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A reader that gives no more than what is left.
struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(into)?;
        self.left.set(self.left.get().saturating_sub(read as u64));
        Ok(read)
    }
}
