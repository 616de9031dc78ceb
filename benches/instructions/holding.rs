//! What was counted against what is stored.

use std::fmt::Write as _;

use super::figures::{Figures, Instructions, Setting};

/// A figure may become so much worse, and is to be renewed once it is better by more.
pub const TOLERANCE: f64 = 0.05;

const HEAD: &str = "\
program: stored   counted  change  with libraries: stored   counted  change";

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Everything.
    All,
    /// The C library is another one, and what it takes is its own affair.
    Program,
    /// Nothing: other instructions do the work.
    Nothing,
}

/// What became of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Holds,
    Better,
    Worse,
    NotStored,
    NotMeasured,
    NotHeld,
}

impl Verdict {
    fn is_fine(self) -> bool {
        matches!(self, Self::Holds | Self::Better | Self::NotHeld)
    }
}

/// One line of the table.
#[derive(Debug)]
struct Row<'a> {
    name: &'a str,
    stored: Option<Instructions>,
    measured: Option<Instructions>,
    verdict: Verdict,
}

/// All figures, each held against the stored one.
#[derive(Debug)]
pub struct Holding<'a> {
    scope: Scope,
    differences: Vec<String>,
    is_other_compiler: bool,
    rows: Vec<Row<'a>>,
}

impl<'a> Holding<'a> {
    /// Compares. Names that only one of the two has are no success.
    pub fn of(stored: &'a Figures, measured: &'a Figures) -> Self {
        let (there, here) = (&stored.measured_with, &measured.measured_with);
        let scope = scope(there, here);
        let mut names: Vec<_> =
            stored.instructions.keys().chain(measured.instructions.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let row = |name: &'a String| {
            let value = |figures: &Figures| figures.instructions.get(name).copied();
            Row::new(name, value(stored), value(measured), scope)
        };
        Self {
            scope,
            differences: differences(there, here),
            is_other_compiler: there.rustc != here.rustc,
            rows: names.into_iter().map(row).collect(),
        }
    }

    /// Nothing became worse, and there is a figure for everything. Figures of another compiler are
    /// none.
    pub fn is_fine(&self) -> bool {
        !self.is_other_compiler && self.rows.iter().all(|row| row.verdict.is_fine())
    }

    /// The table, and what is to be done.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        self.rows.iter().for_each(|row| row.put(&mut text));
        for difference in &self.differences {
            let _ = writeln!(text, "differs: {difference}");
        }
        self.advice().into_iter().for_each(|line| {
            let _ = writeln!(text, "{line}");
        });
        text
    }

    fn advice(&self) -> Vec<&'static str> {
        let any = |verdict| self.rows.iter().any(|row| row.verdict == verdict);
        let lines = [
            (
                self.is_other_compiler,
                "FAILED: another compiler than the one of the stored figures. If rust-toolchain.toml has changed: \
                 just instructions --renew",
            ),
            (
                self.scope == Scope::Nothing,
                "NOT HELD: this processor has other instructions than the one of the stored figures",
            ),
            (
                self.scope == Scope::Program,
                "The C library is another one: only the program's own instructions are held",
            ),
            (
                any(Verdict::Worse),
                "FAILED: more instructions than the stored figures allow. Take back what costs them, or say in the \
                 commit what they are for: just instructions --renew",
            ),
            (
                any(Verdict::NotStored) || any(Verdict::NotMeasured),
                "FAILED: the stored figures are of other work: just instructions --renew",
            ),
            (
                any(Verdict::Better),
                "Better than stored: hold it there with just instructions --renew",
            ),
        ];
        lines.into_iter().filter(|(applies, _)| *applies).map(|(_, line)| line).collect()
    }
}

impl<'a> Row<'a> {
    fn new(
        name: &'a str,
        stored: Option<Instructions>,
        measured: Option<Instructions>,
        scope: Scope,
    ) -> Self {
        let verdict = match (stored, measured) {
            (None, _) => Verdict::NotStored,
            (_, None) => Verdict::NotMeasured,
            (Some(stored), Some(measured)) => scope.verdict(stored, measured),
        };
        Self { name, stored, measured, verdict }
    }

    fn put(&self, text: &mut String) {
        let word = match self.verdict {
            Verdict::Holds => "",
            Verdict::Better => "  BETTER",
            Verdict::Worse => "  WORSE",
            Verdict::NotStored => "  NOT STORED",
            Verdict::NotMeasured => "  NOT COUNTED",
            Verdict::NotHeld => "  NOT HELD",
        };
        let pair =
            |value: fn(Instructions) -> f64| (self.stored.map(value), self.measured.map(value));
        let (program, all) = (pair(|each| each.program), pair(Instructions::all));
        let (program, all) = (columns(program, 15), columns(all, 22));
        let _ = writeln!(text, "{program}  {all}  {}{word}", self.name);
    }
}

impl Scope {
    fn verdict(self, stored: Instructions, measured: Instructions) -> Verdict {
        let program = measured.program / stored.program;
        let all = measured.all() / stored.all();
        let held = match self {
            Self::All => [program, all],
            Self::Program => [program, program],
            Self::Nothing => return Verdict::NotHeld,
        };
        if held.iter().any(|&ratio| ratio > 1.0 + TOLERANCE) {
            Verdict::Worse
        } else if held.iter().any(|&ratio| ratio < 1.0 - TOLERANCE) {
            Verdict::Better
        } else {
            Verdict::Holds
        }
    }
}

/// Stored, counted and the change in percent, the first of them `width` wide.
fn columns((stored, measured): (Option<f64>, Option<f64>), width: usize) -> String {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    let change = stored.zip(measured).map_or(String::new(), |(stored, measured)| {
        format!("{:+.1}%", 100.0 * (measured / stored - 1.0))
    });
    format!("{:>width$}  {:>8}  {change:>6}", number(stored), number(measured))
}

fn scope(there: &Setting, here: &Setting) -> Scope {
    if there.processor != here.processor {
        Scope::Nothing
    } else if there.libc != here.libc {
        Scope::Program
    } else {
        Scope::All
    }
}

fn differences(there: &Setting, here: &Setting) -> Vec<String> {
    let pairs = [
        (&there.rustc, &here.rustc),
        (&there.processor, &here.processor),
        (&there.libc, &here.libc),
        (&there.valgrind, &here.valgrind),
    ];
    let differing = pairs.iter().filter(|(there, here)| there != here);
    differing.map(|(there, here)| format!("stored with {there}, counted with {here}")).collect()
}
