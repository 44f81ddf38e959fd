import DequeModule

/// What the machine knows of one other host of the RDS in this life of the process.
package struct Peer: Sendable {
    package var host: HostID
    package var name: String
    /// The connection that is up; nil when none is.
    package var session: UInt64?
    /// The last contact received in this session.
    package var contact: Contact?
    /// The last contact ever received, for status when the peer is away.
    package var lastContact: Contact?
    package var lastHeard: Instant?
    /// When the session of now began.
    package var connectedAt: Instant?
    package var lostAt: Instant?
    package var lostReason: String?
    /// The last contact made for this session; it leaves when the header that it describes is durable.
    package var sentContact: Contact?
    /// The last contact that left in this session.
    package var toldContact: Contact?
    /// It said in this session that it does not have the RVG any more.
    package var forgotThis = false
    /// Starts of the stream that were not answered, one after the other: each is waited for longer.
    package var unansweredStarts: UInt64 = 0
    /// As Primary: the stream to this peer.
    package var sending = Sending()

    package init(host: HostID, name: String) {
        self.host = host
        self.name = name
    }

    package var isConnected: Bool { session != nil && contact != nil }
}

/// The stream from this Primary to one Secondary, within one session.
package struct Sending: Sendable {
    package enum Phase: Hashable, Sendable {
        case idle
        /// The start went out; the Secondary's report is awaited.
        case starting
        case streaming
    }

    package var phase: Phase = .idle
    /// The next record to send.
    package var next: UpdateID = .zero
    /// Network acknowledgement.
    package var received: UpdateID = .zero
    /// Data acknowledgement.
    package var logged: UpdateID = .zero
    package var lastSent: Instant?
    /// The start that was sent last; only its report counts.
    package var number: UInt64 = 0
    /// When the start was first seen to be unanswered.
    package var begunAt: Instant?
    /// The marks that were sent last.
    package var told = DurabilityMarks(durable: .zero, wanted: .zero)

    package init() {}

    package var isStreaming: Bool { phase == .streaming }
}

/// This Secondary's end of the stream from its Primary.
package struct Following: Sendable {
    package var session: UInt64?
    /// The start of the stream was carried out under this attachment.
    package var attach: AttachID?
    /// What the Primary said is durable there, in this session.
    package var provenDurable: UpdateID?
    /// What the Primary wants to be durable here, in this session.
    package var wantedDurable: UpdateID = .zero
    /// The newest id that the Primary ever said it has, in this process; and the wall time it said it.
    package var primaryEnd: UpdateID?
    package var primaryEndTime: UInt64?
    /// Received contiguously: appended.
    package var ackedReceived: UpdateID = .zero
    package var ackedLogged: UpdateID = .zero
    /// A start that waits until the log lane is idle.
    package var deferredStart: DeferredStart?
    /// Received while the log had no room; bounded by the sender's window.
    package var held: Deque<(record: Record, payload: PayloadReference)> = []
    /// Reached min(Primary's durable, own end) once: the volumes show a position of the Primary.
    package var reachedPosition = false

    package struct DeferredStart: Sendable {
        var attach: AttachID
        var number: UInt64
        var history: History
        var durable: UpdateID
        var session: UInt64
    }

    package init() {}

    /// Takes in the Primary's marks; they only rise within a session.
    package mutating func hear(_ marks: DurabilityMarks) {
        provenDurable = max(provenDurable ?? .zero, marks.durable)
        wantedDurable = max(wantedDurable, marks.wanted)
    }

    package mutating func sessionLost() {
        session = nil
        attach = nil
        provenDurable = nil
        wantedDurable = .zero
        deferredStart = nil
        held.removeAll()
    }
}

/// Messages on their way out, in order for each peer; each leaves when the header that was current when it was made is
/// durable.
package struct Outbox: Sendable {
    package struct Entry: Sendable {
        package var peer: HostID
        package var session: UInt64
        package var message: PeerMessage
        package var needs: UInt64
    }

    package var entries: [Entry] = []

    package init() {}

    /// Takes out what may leave now.
    package mutating func take(persisted: UInt64) -> [Entry] {
        guard let first = entries.first, first.needs <= persisted else { return [] }
        let ready = entries.prefix { $0.needs <= persisted }
        let taken = Array(ready)
        entries.removeFirst(taken.count)
        return taken
    }

    /// A session ended: what was meant for it goes nowhere.
    package mutating func drop(session: UInt64) { entries.removeAll { $0.session == session } }
}
