//! How counted instructions are held against stored figures; counting them is `benches/instructions`.

#[path = "../../benches/instructions/figures.rs"]
mod figures;
#[path = "../../benches/instructions/holding.rs"]
mod holding;

use std::{collections::BTreeMap, path::Path};

use self::{
    figures::{Figures, Instructions, Setting},
    holding::Holding,
};

#[test]
fn what_is_written_is_what_is_read() {
    let instructions = Instructions { program: 41.1, libraries: 0.0 };
    let figures = Figures {
        measured_with: Setting {
            rustc: "rustc 1.95.0 (5980 2026-04-14)".to_owned(),
            processor: "x86_64 avx2".to_owned(),
            libc: "glibc 2.36".to_owned(),
            valgrind: "valgrind-3.19.0".to_owned(),
        },
        instructions: BTreeMap::from([("codec: decode, per command".to_owned(), instructions)]),
    };
    assert_eq!(Figures::parse(&figures.to_toml()), Ok(figures));
}

#[test]
fn the_stored_figures_can_be_read() {
    let stored = Figures::parse(include_str!("../../benches/instructions/figures.toml")).unwrap();
    assert!(stored.instructions.values().all(|instructions| instructions.program > 0.0));
}

#[test]
fn a_profile_is_added_up_without_what_callers_inherit() {
    let profile = "\
version: 1
positions: line
events: Ir

ob=/bin/bench
fl=main.rs
fn=counted
0 3
cob=/lib/libc.so.6
cfn=memcpy
calls=2 0
0 20

ob=/lib/libc.so.6
fn=memcpy
0 20

ob=/bin/bench
fn=work
7 5

totals: 28
";
    let instructions = Instructions::from_profile(profile, Path::new("/bin/bench"));
    assert_eq!(instructions, Some(Instructions { program: 8.0, libraries: 20.0 }));
    let each = instructions.map(|instructions| instructions.per(4));
    assert_eq!(each, Some(Instructions { program: 2.0, libraries: 5.0 }));
    for unknown in ["", &profile.replace("0 20\n\n", "* 20\n\n")] {
        assert_eq!(Instructions::from_profile(unknown, Path::new("/bin/bench")), None);
    }
}

fn figures(program: f64, libraries: f64) -> Figures {
    let text = format!(
        "[measured_with]\nrustc = 'r1'\nprocessor = 'p1'\nlibc = 'c1'\nvalgrind = 'v1'\n\
         [instructions]\nwork = {{ program = {program}, libraries = {libraries} }}\n"
    );
    Figures::parse(&text).unwrap()
}

#[track_caller]
fn check(measured: &Figures, is_fine: bool, said: &str) {
    let stored = figures(80.0, 20.0);
    let holding = Holding::of(&stored, measured);
    let text = holding.text();
    assert_eq!(holding.is_fine(), is_fine, "{text}");
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_figure_holds_within_the_tolerance_and_asks_to_be_renewed_beyond_it() {
    check(&figures(80.0, 20.0), true, "+0.0%  work\n");
    check(&figures(84.0, 21.0), true, "+5.0%  work\n");
    check(&figures(84.1, 15.9), false, "+0.0%  work  WORSE\nFAILED");
    check(&figures(80.0, 25.1), false, "+5.1%  work  WORSE\nFAILED");
    check(&figures(76.0, 19.0), true, "-5.0%  work\n");
    check(&figures(75.9, 24.1), true, "+0.0%  work  BETTER\nBetter than stored");
    check(&figures(80.0, 14.9), true, "-5.1%  work  BETTER\nBetter than stored");
    check(&figures(70.0, 36.0), false, "+6.0%  work  WORSE\n");
}

#[test]
fn a_library_of_another_machine_is_not_held_but_the_program_is() {
    let with_libc = |program, libraries| {
        let mut figures = figures(program, libraries);
        figures.measured_with.libc = "c2".to_owned();
        figures
    };
    check(&with_libc(80.0, 99.0), true, "work\ndiffers: stored with c1, counted with c2");
    check(&with_libc(84.1, 1.0), false, "WORSE");
}

#[test]
fn what_another_processor_does_is_shown_and_not_held() {
    let mut measured = figures(999.0, 20.0);
    measured.measured_with.processor = "p2".to_owned();
    check(&measured, true, "NOT HELD: this processor");
    measured.instructions.clear();
    check(&measured, false, "NOT COUNTED");
}

#[test]
fn figures_of_another_compiler_are_to_be_renewed() {
    let mut measured = figures(80.0, 20.0);
    measured.measured_with.rustc = "r2".to_owned();
    check(&measured, false, "FAILED: another compiler");
}

#[test]
fn work_without_a_figure_and_a_figure_without_work_are_found() {
    let mut measured = figures(80.0, 20.0);
    let instructions = measured.instructions["work"];
    measured.instructions.insert("more".to_owned(), instructions);
    check(&measured, false, "more  NOT STORED\n");
    measured.instructions.clear();
    check(&measured, false, "work  NOT COUNTED\n");
}
