//! The pages' words, in each language. The English messages are the original's. [webdialer §8.4]

/// The pages' languages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// French.
    French,
}

impl Language {
    /// By a hint as clients send it: `fr_FR`, `de-de`, `English United States`.
    pub fn of_hint(hint: &str) -> Option<Self> {
        let hint = hint.trim().to_ascii_lowercase();
        let is = |code: &str| {
            hint == code
                || hint.starts_with(&format!("{code}-"))
                || hint.starts_with(&format!("{code}_"))
        };
        if is("fr") || hint.starts_with("french") {
            Some(Self::French)
        } else if is("en") || hint.starts_with("english") {
            Some(Self::English)
        } else {
            None
        }
    }

    /// By `Accept-Language`: the first of its languages that there is, as its weights order them.
    pub fn accepted(header: &str) -> Option<Self> {
        let weighed = header.split(',').take(20).filter_map(|item| {
            let (language, weight) = item.split_once(';').unwrap_or((item, ""));
            let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
            let weight: f32 = weight.parse().ok().filter(|w| *w > 0.0)?;
            Some((Self::of_hint(language)?, weight))
        });
        let best = weighed.fold(None, |best: Option<(Self, f32)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        });
        best.map(|(language, _)| language)
    }

    /// What somebody prefers, else what a request hints at, else the first that his browser accepts.
    pub fn choose(
        preferred: Option<&str>,
        hints: [Option<&str>; 2],
        accepted: Option<&str>,
    ) -> Self {
        let said = std::iter::once(preferred).chain(hints).flatten();
        let said = said.filter_map(Self::of_hint).next();
        said.or_else(|| accepted.and_then(Self::accepted))
            .unwrap_or_default()
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Its words.
    pub fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::French => &FRENCH,
        }
    }
}

/// What a page may have to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Wrong user or password.
    AuthenticationFailed,
    /// Too much asked, or the network is away.
    Unavailable,
    /// The directory is away.
    DirectoryDown,
    /// The telephone network is away.
    CtiDown,
    /// Sign in again.
    SessionExpired,
    /// No phone to call from.
    NotLoggedIn,
    /// Device and line do not belong together.
    OtherLine,
    /// The phone has no room for another call.
    PhoneTaken,
    /// The number was refused.
    NotReachable,
    /// Signed out.
    SignedOut,
    /// The call is over.
    HungUp,
}

impl Message {
    /// Does it tell of a failure, and not of what was asked for?
    pub fn is_failure(self) -> bool {
        match self {
            Self::SignedOut | Self::HungUp => false,
            Self::AuthenticationFailed
            | Self::Unavailable
            | Self::DirectoryDown
            | Self::CtiDown
            | Self::SessionExpired
            | Self::NotLoggedIn
            | Self::OtherLine
            | Self::PhoneTaken
            | Self::NotReachable => true,
        }
    }

    /// Failures that an address can name, by their words there.
    const WORDS: [(&str, Self); 9] = [
        ("auth", Self::AuthenticationFailed),
        ("unavailable", Self::Unavailable),
        ("directory", Self::DirectoryDown),
        ("network", Self::CtiDown),
        ("session", Self::SessionExpired),
        ("phone", Self::NotLoggedIn),
        ("line", Self::OtherLine),
        ("taken", Self::PhoneTaken),
        ("number", Self::NotReachable),
    ];

    /// The failure that an address names.
    pub fn of_word(word: &str) -> Option<Self> {
        let mut known = Self::WORDS.iter();
        known.find(|(name, _)| *name == word).map(|(_, is)| *is)
    }

    /// Its word in an address; what is no failure has none.
    pub fn word(self) -> &'static str {
        let mut known = Self::WORDS.iter();
        known
            .find(|(_, is)| *is == self)
            .map_or("", |(word, _)| *word)
    }

    /// Does it say why a call was not placed, and nothing of who asks?
    pub fn is_about_a_call(self) -> bool {
        match self {
            Self::AuthenticationFailed
            | Self::SessionExpired
            | Self::DirectoryDown
            | Self::SignedOut
            | Self::HungUp => false,
            Self::Unavailable
            | Self::CtiDown
            | Self::NotLoggedIn
            | Self::OtherLine
            | Self::PhoneTaken
            | Self::NotReachable => true,
        }
    }
}

/// Everything the pages say in one language.
#[derive(Debug)]
pub struct Words {
    /// Titles: sign in, preferences, dial, end, other, Redirector.
    pub titles: [&'static str; 6],
    /// Labels.
    pub user_id: &'static str,
    /// Password.
    pub password: &'static str,
    /// Sign in.
    pub login: &'static str,
    /// Sign out.
    pub logout: &'static str,
    /// Use permanent device.
    pub permanent: &'static str,
    /// Use Extension Mobility.
    pub mobility: &'static str,
    /// Device.
    pub device: &'static str,
    /// Line.
    pub line: &'static str,
    /// Language.
    pub language: &'static str,
    /// Do not show the call confirmation.
    pub skip: &'static str,
    /// Disable automatic closing.
    pub no_close: &'static str,
    /// Save.
    pub save: &'static str,
    /// Phone number.
    pub number: &'static str,
    /// Dial.
    pub dial: &'static str,
    /// Hang up.
    pub hang_up: &'static str,
    /// Calling.
    pub calling: &'static str,
    /// This window can be closed.
    pub close: &'static str,
    /// Call another number.
    pub another: &'static str,
    /// Change preferences.
    pub preferences: &'static str,
    /// Whom the Redirector asked about somebody.
    pub asked_about: &'static str,
    /// Cluster.
    pub cluster: &'static str,
    /// Is he its user?
    pub its_user: &'static str,
    /// This cluster.
    pub this_one: &'static str,
    /// What a cluster said: yes, no, nothing, and that it was not asked.
    pub said: [&'static str; 4],
    /// Go on.
    pub go_on: &'static str,
    messages: [&'static str; 11],
}

impl Words {
    /// A message.
    pub fn message(&self, message: Message) -> &'static str {
        let [
            failed,
            unavailable,
            directory,
            cti,
            expired,
            not_logged_in,
            other_line,
            phone_taken,
            not_reachable,
            signed_out,
            hung_up,
        ] = self.messages;
        match message {
            Message::AuthenticationFailed => failed,
            Message::Unavailable => unavailable,
            Message::DirectoryDown => directory,
            Message::CtiDown => cti,
            Message::SessionExpired => expired,
            Message::NotLoggedIn => not_logged_in,
            Message::OtherLine => other_line,
            Message::PhoneTaken => phone_taken,
            Message::NotReachable => not_reachable,
            Message::SignedOut => signed_out,
            Message::HungUp => hung_up,
        }
    }
}

static ENGLISH: Words = Words {
    titles: [
        "Login",
        "Preferences",
        "Make Call",
        "End Call",
        "Closed",
        "Redirector",
    ],
    user_id: "User ID",
    password: "Password",
    login: "Login",
    logout: "Sign out",
    permanent: "Use permanent device",
    mobility: "Use Extension Mobility",
    device: "Device",
    line: "Line",
    language: "Language",
    skip: "Do not show call confirmation",
    no_close: "Disable auto-close",
    save: "Submit",
    number: "Phone number",
    dial: "Dial",
    hang_up: "Hang up",
    calling: "Calling",
    close: "You can close this window.",
    another: "Call another number",
    preferences: "Change preferences",
    asked_about: "Who was asked about",
    cluster: "Cluster",
    its_user: "Its user?",
    this_one: "this one",
    said: ["yes", "no", "no answer", "not asked"],
    go_on: "Continue",
    messages: [
        "Authentication failed, please try again.",
        "Service temporarily unavailable, please try again later.",
        "Service temporarily unavailable, please try again later: Directory service down.",
        "Service temporarily unavailable, please try again later: Cisco CTIManager down.",
        "Session expired, please login again.",
        "User not logged in on any device.",
        "The chosen device does not have that line.",
        "The phone has no room for another call; hang up first.",
        "Destination not reachable.",
        "You are signed out.",
        "The call has ended.",
    ],
};

static FRENCH: Words = Words {
    titles: [
        "Connexion",
        "Préférences",
        "Passer un appel",
        "Terminer l'appel",
        "Terminé",
        "Redirecteur",
    ],
    user_id: "Identifiant",
    password: "Mot de passe",
    login: "Se connecter",
    logout: "Se déconnecter",
    permanent: "Utiliser un poste permanent",
    mobility: "Utiliser la mobilité de poste",
    device: "Poste",
    line: "Ligne",
    language: "Langue",
    skip: "Ne pas demander de confirmation",
    no_close: "Ne pas fermer automatiquement",
    save: "Enregistrer",
    number: "Numéro de téléphone",
    dial: "Appeler",
    hang_up: "Raccrocher",
    calling: "Appel de",
    close: "Vous pouvez fermer cette fenêtre.",
    another: "Appeler un autre numéro",
    preferences: "Modifier les préférences",
    asked_about: "Interrogés au sujet de",
    cluster: "Cluster",
    its_user: "Son utilisateur ?",
    this_one: "celui-ci",
    said: ["oui", "non", "pas de réponse", "pas interrogé"],
    go_on: "Continuer",
    messages: [
        "Échec de l'authentification, veuillez réessayer.",
        "Service momentanément indisponible, veuillez réessayer plus tard.",
        "Service momentanément indisponible, veuillez réessayer plus tard : annuaire hors service.",
        "Service momentanément indisponible, veuillez réessayer plus tard : Cisco CTIManager hors service.",
        "Session expirée, veuillez vous reconnecter.",
        "L'utilisateur n'est connecté sur aucun poste.",
        "Le poste choisi n'a pas cette ligne.",
        "Le poste ne peut pas prendre un appel de plus ; raccrochez d'abord.",
        "Destination injoignable.",
        "Vous êtes déconnecté.",
        "L'appel est terminé.",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_by_hint_and_by_weight() {
        for (hint, language) in [
            ("fr_FR", Some(Language::French)),
            ("English United States", Some(Language::English)),
            ("de-de", None),
            ("", None),
            ("front", None),
        ] {
            assert_eq!(Language::of_hint(hint), language, "{hint}");
        }
        for (header, language) in [
            ("de, fr;q=0.7, en;q=0.8", Some(Language::English)),
            ("fr-CA,fr;q=0.9,en;q=0.8", Some(Language::French)),
            ("en;q=0, fr;q=0.1", Some(Language::French)),
            ("de", None),
            ("fr;q=x", None),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
