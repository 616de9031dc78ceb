//! How an option is declared, and how its value is decided.

use super::{
    typed::TypedOptions,
    value::{Kind, OptionType, Value},
};

/// Tells what is wrong with the text of a value, if something is.
pub type TextCheck = fn(&str) -> Result<(), String>;

/// All that is to say about one option. Flags, defaults, checks and help come from here.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Name on the command line, without dashes.
    pub flag: &'static str,
    /// Name in the configuration file and under `/config/`; none for what belongs to the command line alone.
    pub key: Option<&'static str>,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it is for, in one line.
    pub help: &'static str,
    default: DefaultText,
    bounds: Option<Bounds>,
    explains_itself: bool,
    /// Tells what is wrong with a text on the command line beyond its kind.
    pub(super) check: Option<TextCheck>,
}

/// A default as one would type it.
#[derive(Debug, Clone, Copy)]
enum DefaultText {
    Zero,
    Fixed(&'static str),
    OfHost(fn() -> String, &'static str),
}

/// The values that an option may have; durations count in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    first: i64,
    last: i64,
    rule: &'static str,
}

/// More than 0.
pub const POSITIVE: Bounds = Bounds::new(1, i64::MAX, "must be greater than 0");
/// 0 or more.
pub const NOT_NEGATIVE: Bounds = Bounds::new(0, i64::MAX, "must not be negative");

impl Bounds {
    /// From `first` to `last`, both allowed; `rule` says so behind the option's name.
    pub const fn new(first: i64, last: i64, rule: &'static str) -> Self {
        Self { first, last, rule }
    }

    /// The same, from 0 on.
    pub const fn up_to(last: i64, rule: &'static str) -> Self {
        Self::new(0, last, rule)
    }

    fn allow(self, value: &Value) -> bool {
        value.magnitude().is_none_or(|number| (self.first..=self.last).contains(&number))
    }
}

/// A value that was understood but cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct OptionError {
    /// Which option.
    pub flag: &'static str,
    /// What is wrong with its value.
    pub text: String,
}

/// Begins the declaration of an option; without more it is empty, 0 or false unless given.
pub const fn flag(name: &'static str) -> OptionSpec {
    OptionSpec {
        flag: name,
        key: None,
        kind: Kind::Text,
        help: "",
        default: DefaultText::Zero,
        bounds: None,
        explains_itself: false,
        check: None,
    }
}

impl OptionSpec {
    /// Names the option in the configuration file.
    pub const fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets what holds if the option is not given, as one would type it.
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = DefaultText::Fixed(text);
        self
    }

    /// Lets the machine decide what holds if the option is not given; `example` is such a value of another machine.
    pub const fn default_of_host(mut self, text: fn() -> String, example: &'static str) -> Self {
        self.default = DefaultText::OfHost(text, example);
        self
    }

    /// Limits the value.
    pub const fn within(mut self, bounds: Bounds) -> Self {
        self.bounds = Some(bounds);
        self
    }

    /// Lets `check` tell what is wrong with a text on the command line, beyond its kind.
    pub const fn checked(mut self, check: TextCheck) -> Self {
        self.check = Some(check);
        self
    }

    /// Lets errors stand without the option's name in front of them, as upstream has it.
    pub const fn explains_itself(mut self) -> Self {
        self.explains_itself = true;
        self
    }

    /// Adds what the declaring macro reads off the field: its type and its comment.
    pub const fn described(mut self, kind: Kind, help: &'static str) -> Self {
        self.kind = kind;
        self.help = help.trim_ascii();
        self
    }

    /// What holds if the option is not given.
    pub fn default_value(&self) -> Value {
        match self.default {
            DefaultText::Zero => zero(self.kind),
            DefaultText::Fixed(text) => self.read_default(text),
            DefaultText::OfHost(text, _) => self.read_default(&text()),
        }
    }

    /// A value for a sample: the default where every machine has the same one.
    pub fn example_value(&self) -> Value {
        match self.default {
            DefaultText::OfHost(_, example) => self.read_default(example),
            DefaultText::Zero | DefaultText::Fixed(_) => self.default_value(),
        }
    }

    /// True if the default is another on every machine.
    pub fn depends_on_host(&self) -> bool {
        matches!(self.default, DefaultText::OfHost(..))
    }

    fn read_default(&self, text: &str) -> Value {
        self.kind
            .parse(text)
            .expect("declared defaults are values of their kind, a test reads each")
    }

    /// Decides and checks the value: of the first source that has one, else the default.
    pub fn decide<T: OptionType>(&self, sources: &[&TypedOptions]) -> Result<T, OptionError> {
        let given = sources.iter().find_map(|source| source.get(self.flag));
        let value = given.cloned().unwrap_or_else(|| self.default_value());
        match self.bounds {
            Some(bounds) if !bounds.allow(&value) => Err(self.error(bounds.rule)),
            _ => T::from_value(value).map_err(|problem| self.error(&problem)),
        }
    }

    fn error(&self, problem: &str) -> OptionError {
        let text = match self.explains_itself {
            true => problem.to_owned(),
            false => format!("--{} {problem}", self.flag),
        };
        OptionError { flag: self.flag, text }
    }
}

fn zero(kind: Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(false),
        Kind::Integer => Value::Integer(0),
        Kind::Float => Value::Float(0.0),
        Kind::Duration => Value::Duration(Default::default()),
        Kind::Text => Value::Text(String::new()),
        Kind::List => Value::List(Vec::new()),
        Kind::Floats => Value::Floats(Vec::new()),
        Kind::LogLevel => Value::LogLevel(super::LogLevel::Info),
        Kind::TlsRequired => Value::TlsRequired(super::TlsRequired::No),
        Kind::TlsMinVersion => Value::TlsMinVersion(super::TlsMinVersion::Tls10),
    }
}

/// A program's options, decided and checked.
pub trait Options: Sized {
    /// The declarations that they come from.
    const TABLE: &'static [OptionSpec];

    /// Decides and checks every option. Where several sources give a value the first of them wins; where none
    /// does, the default holds.
    fn decide(sources: &[&TypedOptions]) -> Result<Self, OptionError>;
}

/// Declares a program's options: a struct of decided values, and the table of declarations that it comes from.
///
/// A field's comment is the option's help text and its type is the option's type. Options that leave nothing to decide
/// (`--version`, what is accepted for old command lines) stand behind the struct.
macro_rules! declare_options {
    (
        $(#[$about:meta])*
        pub struct $name:ident declared in $table:ident {
            $( $(#[doc = $help:literal])+ $field:ident: $type:ty = $spec:expr, )+
        }
        without field {
            $( $(#[doc = $other_help:literal])+ $other_type:ty = $other_spec:expr, )*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $help])+ pub $field: $type, )+
        }

        #[doc = concat!("The declarations of [`", stringify!($name), "`].")]
        pub const $table: &[OptionSpec] = &[
            $( $spec.described(<$type as OptionType>::KIND, concat!($($help),+)), )+
            $( $other_spec.described(<$other_type as OptionType>::KIND, concat!($($other_help),+)), )*
        ];

        impl Options for $name {
            const TABLE: &'static [OptionSpec] = $table;

            fn decide(sources: &[&TypedOptions]) -> Result<Self, OptionError> {
                Ok(Self {
                    $(
                        $field: $spec
                            .described(<$type as OptionType>::KIND, concat!($($help),+))
                            .decide(sources)?,
                    )+
                })
            }
        }

        impl $name {
            /// The decided value of the option with that key in the configuration file.
            pub fn value(&self, key: &str) -> Option<Value> {
                $(
                    if $spec.key == Some(key) {
                        return Some(self.$field.to_value());
                    }
                )+
                None
            }
        }
    };
}

pub(crate) use declare_options;
