//! How auth servers are asked.

/// The HTTP method of a request to an auth server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthMethod {
    /// What is asked stands in the query.
    #[default]
    Get,
    /// What is asked stands in a JSON body.
    Post,
}

impl AuthMethod {
    /// Reads the name of a method, in lower case; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "get" => Ok(Self::Get),
            "post" => Ok(Self::Post),
            _ => Err("must be post or get".to_owned()),
        }
    }

    /// Its name, as in the options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_as_they_are_written() {
        for method in [AuthMethod::Get, AuthMethod::Post] {
            assert_eq!(AuthMethod::parse(method.as_str()), Ok(method));
        }
        assert!(AuthMethod::parse("put").is_err());
    }
}
