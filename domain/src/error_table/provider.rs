//! The provider's codes and what each means for a message.
//!
//! Source: Meta's error code reference, 2025-26. The HTTP status stands in no row: sources disagree
//! about it, and the code decides.

use super::Codes::{Span, These};
use super::ErrorClass::{Backoff, BackoffThrice, Credentials, Later, Never, OptOut, PairLimit};
use super::FailureRow;
use super::api::Problem::{
    AccountRestricted, GuestNotOnWhatsApp, GuestOptedOut, GuestUnreachable, InvalidParameters,
    MarketingHeldBack, MediaUploadFailed, MessageRefused, MessageWindowExpired, ProviderCredentials,
    ProviderUnavailable, RateLimitExceeded, TemplateNotFound, TemplateRefused, TemplateState,
};

// What many rows advise.
const OTHERWISE: &str = "Contact guest via alternative channel";
const WAIT: &str = "Wait; the message is tried again by itself";
const AGAIN: &str = "Send the message again in a few minutes";
const CHANGE: &str = "Change the message and send it as a new one";
const NEW_TOKEN: &str = "Ask an admin to give the WhatsApp connection a new access token";
const PERMISSION: &str = "Ask an admin to give the access token the WhatsApp permissions";
const MANAGER: &str = "Ask an admin to look at the account in WhatsApp Manager";
const REGISTER: &str = "Ask an admin to register the number with WhatsApp again";
const OTHER_TEMPLATE: &str = "Use another approved template";
const SHORTEN: &str = "Shorten the texts that fill the template";
const PARAMETERS: &str = "Give exactly the parameters that the template lists";
const REPORT: &str = "Report the message to the support of this service";

super::table! {
    /// An error of the provider.
    ProviderCode of FailureRow {
    // Access, and Graph's general errors.
    TokenDead = These(&[0]), Credentials, ProviderCredentials,
        "The message was not sent: WhatsApp no longer accepts the hotel's access.", &[NEW_TOKEN, OTHERWISE];
    Fault = These(&[1]), BackoffThrice, ProviderUnavailable,
        "The message was not sent: something went wrong at WhatsApp.", &[AGAIN, REPORT];
    Down = These(&[2]), Backoff, ProviderUnavailable,
        "The message was not sent: WhatsApp is down or overloaded.", &[WAIT, OTHERWISE];
    Capability = These(&[3]), Credentials, ProviderCredentials,
        "The message was not sent: the hotel's access to WhatsApp does not cover this.", &[PERMISSION, OTHERWISE];
    AppLimit = These(&[4]), Backoff, RateLimitExceeded,
        "The message was not sent: the hotel asked too much of WhatsApp in a short time.", &[WAIT, OTHERWISE];
    PermissionDenied = These(&[10]), Credentials, ProviderCredentials,
        "The message was not sent: a permission of the hotel's access to WhatsApp is missing.", &[PERMISSION, OTHERWISE];
    UserLimit = These(&[17]), Backoff, RateLimitExceeded,
        "The message was not sent: this access asked too much of WhatsApp in a short time.", &[WAIT, OTHERWISE];
    NumberGone = These(&[33]), Credentials, ProviderCredentials,
        "The message was not sent: WhatsApp does not know the hotel's number any more.",
        &["Ask an admin to check the number of the WhatsApp connection", OTHERWISE];
    InvalidParameter = These(&[100]), Never, MessageRefused,
        "The message was not sent: WhatsApp cannot read a part of it.", &[CHANGE, REPORT];
    TokenMissing = These(&[104]), Credentials, ProviderCredentials,
        "The message was not sent: it went to WhatsApp without the hotel's access.", &[NEW_TOKEN, OTHERWISE];
    TokenInvalid = These(&[190]), Credentials, ProviderCredentials,
        "The message was not sent: the hotel's access to WhatsApp has expired or is invalid.", &[NEW_TOKEN, OTHERWISE];
    Permission = Span(200, 299), Credentials, ProviderCredentials,
        "The message was not sent: the hotel's access may not use this WhatsApp number.", &[PERMISSION, OTHERWISE];
    PolicyRestriction = These(&[368]), Credentials, AccountRestricted,
        "The message was not sent: WhatsApp has restricted the hotel's account for breaking a rule.", &[MANAGER, OTHERWISE];
    Duplicate = These(&[506]), Never, MessageRefused,
        "The message was not sent: WhatsApp takes it for a repetition of the one before.",
        &["Check whether the guest already has the message", "Write the message in other words"];
    CallLimit = These(&[613]), Later, RateLimitExceeded,
        "The message was not sent: WhatsApp allows no more of this for some time.", &[WAIT, OTHERWISE];
    ObjectUnknown = These(&[803]), Never, MessageRefused,
        "The message was not sent: it refers to something that WhatsApp does not have.", &[CHANGE, REPORT];
    AccountLimit = These(&[80_007, 80_008]), Later, RateLimitExceeded,
        "The message was not sent: the hotel's account has used up what WhatsApp allows for now.", &[WAIT, OTHERWISE];

    // Sending.
    Throughput = These(&[130_429]), Backoff, RateLimitExceeded,
        "The message was not sent: the hotel's number sends faster than WhatsApp allows.", &[WAIT, OTHERWISE];
    Experiment = These(&[130_472]), Never, MarketingHeldBack,
        "The message was not sent: WhatsApp keeps marketing from this guest as part of a test.",
        &["Wait for guest to initiate conversation", OTHERWISE];
    Country = These(&[130_497]), Never, AccountRestricted,
        "The message was not sent: the hotel may not write to guests in this country on WhatsApp.", &[OTHERWISE, MANAGER];
    Unknown = These(&[131_000]), BackoffThrice, ProviderUnavailable,
        "The message was not delivered, and WhatsApp does not say why.", &[AGAIN, OTHERWISE];
    AccessDenied = These(&[131_005]), Credentials, ProviderCredentials,
        "The message was not sent: the hotel's access to WhatsApp lacks a permission.", &[PERMISSION, OTHERWISE];
    ParameterMissing = These(&[131_008]), Never, MessageRefused,
        "The message was not sent: something that WhatsApp needs is missing in it.", &[CHANGE, REPORT];
    ParameterInvalid = These(&[131_009]), Never, MessageRefused,
        "The message was not sent: something in it is not valid for WhatsApp.", &[CHANGE, REPORT];
    Unavailable = These(&[131_016]), Backoff, ProviderUnavailable,
        "The message was not sent: a part of WhatsApp is out of service.", &[WAIT, OTHERWISE];
    ToItself = These(&[131_021]), Never, MessageRefused,
        "The message was not sent: the guest's number is the hotel's own number.", &["Correct the guest's phone number"];
    Undeliverable = These(&[131_026]), Never, GuestNotOnWhatsApp,
        "The message could not be delivered: the guest may not use WhatsApp, or only an old version of it.",
        &["Check the guest's phone number", OTHERWISE, "Ask the guest to update WhatsApp and to write first"];
    NotOnTestList = These(&[131_030]), Never, MessageRefused,
        "The message was not sent: the hotel's test number may not write to this guest.",
        &["Ask an admin to add the guest's number to the test number's list", "Ask an admin to connect a real number"];
    Locked = These(&[131_031]), Credentials, AccountRestricted,
        "The message was not sent: WhatsApp has locked the hotel's account.", &[MANAGER, OTHERWISE];
    DisplayName = These(&[131_037]), Credentials, ProviderCredentials,
        "The message was not sent: WhatsApp has not approved the hotel's display name.",
        &["Ask an admin to have the display name approved in WhatsApp Manager", OTHERWISE];
    Payment = These(&[131_042]), Credentials, ProviderCredentials,
        "The message was not sent: there is a problem with how the hotel pays WhatsApp.",
        &["Ask an admin to check the payment method in WhatsApp Manager", OTHERWISE];
    Expired = These(&[131_043]), Later, ProviderUnavailable,
        "The message was not delivered within the time that WhatsApp keeps it.",
        &["Send the message again later", OTHERWISE];
    Registration = These(&[131_045]), Credentials, ProviderCredentials,
        "The message was not sent: the hotel's number is not properly registered with WhatsApp.", &[REGISTER, OTHERWISE];
    WindowClosed = These(&[131_047]), Never, MessageWindowExpired,
        "The message was not sent: the guest last wrote more than a day ago, so only a template may be sent.",
        &["Use approved template message", "Wait for guest to initiate conversation", OTHERWISE];
    SpamLimit = These(&[131_048]), Later, RateLimitExceeded,
        "The message was not sent: too many guests blocked or reported the hotel's number, so it may send less.",
        &["Stop sending marketing for now", "Ask an admin to look at the number's quality in WhatsApp Manager", OTHERWISE];
    MarketingCap = These(&[131_049]), Later, MarketingHeldBack,
        "The message was not delivered: WhatsApp limits how much marketing a guest gets.",
        &["Wait at least a day before sending marketing to this guest again", "Wait for guest to initiate conversation"];
    StoppedMarketing = These(&[131_050]), OptOut, GuestOptedOut,
        "The message was not sent: the guest has stopped marketing messages from the hotel.",
        &["Send this guest no more marketing", OTHERWISE, "Ask the guest to opt in again"];
    TypeUnsupported = These(&[131_051]), Never, MessageRefused,
        "WhatsApp does not support this kind of message.", &["Send it as text", OTHERWISE];
    MediaDownload = These(&[131_052]), Never, MediaUploadFailed,
        "The file of the message could not be fetched; it may be too large.",
        &["Send a smaller file", "Ask the guest to send their file again"];
    MediaUpload = These(&[131_053]), Never, MediaUploadFailed,
        "The message was not sent: WhatsApp could not take its file.",
        &["Check the file's type and size", "Upload the file again"];
    MethodNotAllowed = These(&[131_055]), Never, MessageRefused,
        "The message was not sent: WhatsApp takes only marketing the way it went.", &[REPORT, OTHERWISE];
    PairLimit = These(&[131_056]), PairLimit, RateLimitExceeded,
        "The message was not sent yet: this guest got too many messages in a short time.",
        &[WAIT, "Put several short messages into one"];
    Maintenance = These(&[131_057]), Backoff, ProviderUnavailable,
        "The message was not sent yet: WhatsApp is working on the hotel's number for a moment.", &[WAIT];
    ContentUnavailable = These(&[131_060]), Never, MessageRefused,
        "The guest's message arrived without its content, which WhatsApp cannot show.",
        &["Ask the guest to send the message again"];
    AccountRecipient = These(&[131_062]), Never, GuestUnreachable,
        "The message was not sent: this kind of message needs the guest's phone number.",
        &["Add the guest's phone number", "Wait for guest to initiate conversation"];
    MarketingDisabled = These(&[131_063]), Credentials, ProviderCredentials,
        "The message was not sent: marketing templates are switched off for the hotel's number.",
        &["Ask an admin to switch marketing templates on in WhatsApp Manager", OTHERWISE];
    ClassificationAbuse = These(&[131_064]), Later, AccountRestricted,
        "The message was not sent: WhatsApp limits the hotel because templates stood in a wrong category.",
        &["Ask an admin to correct the categories of the templates", OTHERWISE];

    // Templates.
    ParameterCount = These(&[132_000]), Never, InvalidParameters,
        "The message was not sent: it fills more or fewer places than the template has.", &[PARAMETERS];
    TemplateMissing = These(&[132_001]), Never, TemplateNotFound,
        "The message was not sent: the template does not exist in this language or is not approved.",
        &["List the approved templates", "Use another language of the template"];
    TextTooLong = These(&[132_005]), Never, InvalidParameters,
        "The message was not sent: with everything filled in, the template's text is too long.", &[SHORTEN, OTHER_TEMPLATE];
    ContentPolicy = These(&[132_007]), Never, TemplateRefused,
        "The message was not sent: what the template says is against WhatsApp's rules.",
        &[OTHER_TEMPLATE, "Ask an admin to rewrite the template"];
    TemplateValue = These(&[132_008]), Never, InvalidParameters,
        "The message was not sent: a text that fills the template is not valid.", &[PARAMETERS];
    TemplateFormat = These(&[132_012]), Never, InvalidParameters,
        "The message was not sent: a text that fills the template is of the wrong kind.", &[PARAMETERS];
    TemplatePaused = These(&[132_015]), Later, TemplateNotFound,
        "The message was not sent: WhatsApp has paused the template because guests disliked it.",
        &[OTHER_TEMPLATE, "Wait until WhatsApp takes the template up again"];
    TemplateDisabled = These(&[132_016]), Never, TemplateNotFound,
        "The message was not sent: WhatsApp has disabled the template for good.",
        &[OTHER_TEMPLATE, "Ask an admin to submit a new template"];
    TemplateValidation = These(&[132_018]), Never, InvalidParameters,
        "The message was not sent: it does not fit the template.", &[PARAMETERS];
    // In no list of Meta's, but among its codes for templates.
    TemplateOther = These(&[132_002, 132_003, 132_004, 132_006, 132_009, 132_010, 132_011, 132_017]),
        Never, TemplateRefused, "The message was not sent: WhatsApp did not take the template.", &[OTHER_TEMPLATE, REPORT];
    FlowBlocked = These(&[132_068]), Never, TemplateRefused,
        "The message was not sent: WhatsApp has blocked the form in it.",
        &["Send the message without the form", "Ask an admin to repair the form in WhatsApp Manager"];
    FlowThrottled = These(&[132_069]), Later, RateLimitExceeded,
        "The message was not sent: WhatsApp allows the form in it only a few times an hour.",
        &[WAIT, "Send the message without the form"];

    // Setting up a number.
    DeregistrationIncomplete = These(&[133_000]), Later, ProviderUnavailable,
        "WhatsApp has not finished removing the hotel's number, so it cannot be used yet.", &[REGISTER];
    RegistrationDown = These(&[133_004]), Backoff, ProviderUnavailable,
        "WhatsApp's server cannot be reached for the hotel's number at the moment.", &[WAIT, OTHERWISE];
    PinMismatch = These(&[133_005]), Credentials, ProviderCredentials,
        "The hotel's number is not registered: its PIN was wrong.",
        &["Ask an admin to enter or reset the PIN in WhatsApp Manager"];
    NotVerified = These(&[133_006]), Credentials, ProviderCredentials,
        "The hotel's number is not registered: it has to be verified first.",
        &["Ask an admin to verify the number in WhatsApp Manager"];
    PinGuesses = These(&[133_008]), Later, RateLimitExceeded,
        "The hotel's number is not registered: a wrong PIN was entered too often.",
        &["Wait as long as the details say", "Ask an admin to reset the PIN in WhatsApp Manager"];
    PinTooFast = These(&[133_009]), Later, RateLimitExceeded,
        "The hotel's number is not registered: the PIN was entered too fast.", &["Wait some minutes and enter the PIN again"];
    NotRegistered = These(&[133_010]), Credentials, ProviderCredentials,
        "The message was not sent: the hotel's number is not registered with WhatsApp.", &[REGISTER, OTHERWISE];
    RecentlyDeleted = These(&[133_015]), Later, ProviderUnavailable,
        "The hotel's number was deleted a moment ago, so it cannot be registered yet.",
        &["Wait some minutes and register the number again"];
    RegistrationLimit = These(&[133_016]), Later, RateLimitExceeded,
        "The hotel's number was registered and removed too often within a few days.",
        &["Wait some days before registering the number again", OTHERWISE];

    // The marketing API.
    OnlyMarketing = These(&[134_100]), Never, MessageRefused,
        "The message was not sent: the way it went is for marketing only.",
        &["Use a marketing template", "Send it as an ordinary message"];
    TemplateSyncing = These(&[134_101]), Later, TemplateState,
        "The message was not sent: WhatsApp is still preparing the template, for some minutes at most.",
        &[WAIT, OTHER_TEMPLATE];
    TemplateNotShared = These(&[134_102]), Credentials, TemplateNotFound,
        "The message was not sent: the template cannot be used for marketing from this account.",
        &["Ask an admin to check the template in WhatsApp Manager", OTHER_TEMPLATE];

    // Less common.
    Generic = These(&[135_000]), Never, MessageRefused,
        "The message was not sent: WhatsApp could not read it.", &[CHANGE, REPORT];
    IdentityMismatch = These(&[137_000]), Never, MessageRefused,
        "The message was not sent: the guest's WhatsApp is on a new phone or belongs to somebody else now.",
        &["Ask the guest whether the number is still theirs", OTHERWISE];
    Calling = Span(138_000, 138_018), Never, MessageRefused,
        "A call over WhatsApp did not work; no message was sent.", &["Call the guest's phone number", "Write a message instead"];
    BlockedInPart = These(&[139_100]), Never, MessageRefused,
        "Some of the guests could not be blocked or unblocked on WhatsApp.",
        &["Look up in the details which guests are meant", "Wait until the guest writes; only then can they be blocked"];
    BlockListFull = These(&[139_101]), Never, MessageRefused,
        "The guest was not blocked: the hotel's list of blocked guests is full.", &["Unblock guests who need no blocking any more"];
    BlockBusy = These(&[139_102, 139_103]), Backoff, ProviderUnavailable,
        "The list of blocked guests could not be changed at the moment.", &["Try again in a few minutes"];
    TemplateFigures = Span(200_005, 200_007), Never, MessageRefused,
        "WhatsApp could not tell how a template is doing; no message is affected.",
        &["Ask an admin to check template insights in WhatsApp Manager"];
    }
}

impl ProviderCode {
    /// `None` for a code that is newer than this table.
    pub fn of(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.row().codes.contain(code))
    }
}
