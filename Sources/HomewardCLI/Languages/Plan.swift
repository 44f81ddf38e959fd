import HomewardAdministration
import HomewardCore

/// What a command line amounts to.
public enum Plan: Hashable, Sendable {
    /// Something to ask a host.
    case ask(Inquiry)
    /// Text that answers the line by itself: help.
    case text(String)
}

/// Requests for one host, and how to deal with what it answers.
public struct Inquiry: Hashable, Sendable {
    /// Carried out in order; the first refusal ends the line.
    public var requests: [Request]
    /// How an answer is shown to people.
    public var view: View
    /// Which host is asked when none is named.
    public var reach: Reach
    /// Asked on a terminal before anything is sent.
    public var question: Question?
    /// `-s` was given: questions are answered with yes.
    public var silent: Bool
    /// What the operator should know of the line itself; shown on stderr.
    public var notes: [String]
    /// The object in the operator's words, for refusals of this side.
    public var object: String

    public init(
        _ requests: [Request],
        view: View = .plain,
        reach: Reach,
        question: Question? = nil,
        silent: Bool = false,
        notes: [String] = [],
        object: String
    ) {
        self.requests = requests
        self.view = view
        self.reach = reach
        self.question = question
        self.silent = silent
        self.notes = notes
        self.object = object
    }
}

/// A question, and what a yes brings about.
public struct Question: Hashable, Sendable {
    public var text: String
    /// Printed where yes is taken for granted.
    public var consequence: String

    public init(_ text: String, consequence: String) {
        self.text = text
        self.consequence = consequence
    }
}

/// How an answer is shown to people, where the answer alone does not tell.
public enum View: Hashable, Sendable {
    /// As the kind of answer has it.
    case plain
    case printrvg(long: Bool)
    case repstatus(long: Bool)
    case printvol
    case dataVolumes(oneColumn: Bool)
    case links(oneColumn: Bool)
    /// `vxrlink status`; with the time behind when `-T` was given.
    case linkStatus(time: Bool)
    /// `vxrlink updates`; with times when `-T` was given.
    case updates(time: Bool)
    /// A table of copied volumes of an RVG.
    case synchronization(rvg: String)
    /// A table of compared volumes of an RVG.
    case verification(rvg: String)
    /// `status`: a host, with its RDSs as all their members tell them.
    case status
    /// `vol sum`.
    case sum(diskGroup: String)
}

/// Which host of a lab is asked when the line names none (product, "Where a command acts").
public enum Reach: Hashable, Sendable {
    /// Any host will do; a Primary knows most.
    case any
    /// The RDS of this RVG: a Primary, else any host that answers.
    case rds(RVGReference)
    /// The Primary of this RVG and no other host.
    case primary(RVGReference)
    /// The Primary that this RLINK belongs to.
    case primaryOfLink(RLinkReference)
    /// The host where it is typed: it has to be named.
    case local
}

/// A value that consent can be given to before it is sent.
extension Request {
    /// The same request with the operator's consent, or without; requests that need none stay as they are.
    func consenting(_ consent: Bool) -> Request {
        switch self {
        case .startReplication(let rvg, let secondary, let how, _):
            .startReplication(rvg, secondary: secondary, how: how, consent: consent)
        case .stopReplication(let rvg, let secondary, let force, _):
            .stopReplication(rvg, secondary: secondary, force: force, consent: consent)
        case .synchronize(let rvg, let secondaries, let checkpoint, let full, let force, _):
            .synchronize(
                rvg,
                secondaries: secondaries,
                checkpoint: checkpoint,
                full: full,
                force: force,
                consent: consent
            )
        case .verify(let rvg, let secondaries, _): .verify(rvg, secondaries: secondaries, consent: consent)
        case .migrate(let rvg, let to, _): .migrate(rvg, to: to, consent: consent)
        case .attachLink(let link, let how, _): .attachLink(link, how: how, consent: consent)
        default: self
        }
    }
}
