import HomewardCore
import NIOCore
import Synchronization

/// Kinds of frames that never leave this module.
enum ReservedKind {
    static let greeting = FrameFormat.firstReservedKind
    /// A sign of life; the payload comes back in a pong.
    static let ping = FrameFormat.firstReservedKind + 1
    static let pong = FrameFormat.firstReservedKind + 2
    /// Why the sender is about to hang up: text.
    static let refusal = FrameFormat.firstReservedKind + 3
}

/// Whoever decides what becomes of a connection.
///
/// Called on the connection's event loop; never blocks.
protocol ConnectionOwner: AnyObject, Sendable {
    /// The answer to a greeting: what to send back (if anything) and what to speak from now on, or why not.
    func greeted(_ connection: Connection, _ greeting: Greeting, channel: PeerChannel) throws(Hangup) -> Welcome
    /// Whoever asked in vain for room in the outbox finds it there again.
    func hasRoom(_ connection: Connection)
    /// The connection is closed, or never came about. At most once for each.
    func lost(_ connection: Connection, reason: String)
}

/// What follows a greeting that was accepted.
struct Welcome {
    var version: UInt16
    /// Nil on the side that spoke first.
    var answer: Greeting?
}

/// What follows one that was not.
struct Hangup: Error {
    var reason: String
    /// Whether the other end is told; one that a partition keeps out is not.
    var telling: Bool
}

/// One of the three connections with a peer, or a stranger's.
///
/// The handler of its channel. Frames for the owner of the network go to ``inbox``, since what takes them may block; signs
/// of life are answered here, so that they work meanwhile.
final class Connection: ChannelInboundHandler, @unchecked Sendable {
    // Unchecked: what is `var` is touched on the channel's event loop only; the boxes have locks of their own.
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Longest first frame of somebody who has not said who it is.
    static let strangerLimit = 4096
    /// Of a sign of life: the sender's clock.
    private static let pingBytes = 8

    let channel: any Channel
    let outbox = Outbox()
    let inbox = Inbox()
    private let owner: any ConnectionOwner
    private let timing: Timing
    /// What is said first; nil where the other end dialed.
    private let greeting: (payload: Greeting, channel: PeerChannel)?

    private var context: ChannelHandlerContext?
    private var decoder = FrameDecoder(maximumPayload: strangerLimit, version: FrameFormat.greetingVersion)
    private var peerChannel: PeerChannel?
    private var welcomed = false
    private var paused = false
    /// Ticks since something was received; counted, not measured, so that a host that slept does not blame its peer.
    private var silentTicks = 0
    /// Ticks until the three connections must be complete; nil from then on.
    private var ticksToComplete: Int?
    private var ticker: RepeatedTask?
    /// Why it ended; set once.
    private var reason: String?
    private let lastRoundTrip = Atomic<UInt64>(0)

    struct Timing: Sendable {
        /// Between two signs of life.
        var interval: Duration
        /// Ticks without any byte after which the peer counts as lost.
        var ticks: Int
        var silence: Duration

        init(silence: Duration) {
            self.silence = silence
            interval = min(.milliseconds(500), silence / 4)
            ticks = max(1, Int((silence / interval).rounded(.up)))
        }
    }

    init(
        channel: any Channel,
        owner: any ConnectionOwner,
        timing: Timing,
        greeting: (payload: Greeting, channel: PeerChannel)? = nil
    ) {
        self.channel = channel
        self.owner = owner
        self.timing = timing
        self.greeting = greeting
        ticksToComplete = timing.ticks
    }

    // MARK: From any thread

    /// Queues a frame.
    ///
    /// False when the connection has ended.
    func send(_ frame: ByteBuffer) -> Bool {
        switch outbox.add(frame) {
        case .ended: return false
        case .queued: return true
        case .wakeLoop:
            channel.eventLoop.execute { self.drain() }
            return true
        }
    }

    /// Nanoseconds that the last sign of life took there and back; zero before the first.
    var roundTrip: UInt64 { lastRoundTrip.load(ordering: .relaxed) }

    /// Hangs up; the owner is told `reason`.
    func close(_ reason: String) {
        channel.eventLoop.execute { self.fail(reason) }
    }

    /// All three connections are there: from now on only silence ends it.
    func completed() {
        channel.eventLoop.execute { self.ticksToComplete = nil }
    }

    /// Reads on after the inbox was full.
    func resume() {
        channel.eventLoop.execute {
            guard self.paused else { return }
            self.paused = false
            self.context?.read()
        }
    }

    // MARK: On the event loop

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard ticker == nil else { return }
        if let greeting {
            peerChannel = greeting.channel
            sendNow(ReservedKind.greeting, greeting.payload.encoded(), context)
        }
        let interval = TimeAmount(timing.interval)
        ticker = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] _ in
            self?.tick()
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard reason == nil else { return }
        silentTicks = 0
        let buffer = unwrapInboundIn(data)
        var delivered: [Frame] = []
        var ending: Hangup?
        do {
            try buffer.withUnsafeReadableBytes { bytes in
                var input = bytes
                while reason == nil, let frame = try decoder.next(&input) {
                    if welcomed, frame.kind < FrameFormat.firstReservedKind {
                        guard frame.channel == peerChannel?.rawValue else {
                            throw Hangup(reason: "bad-format: a frame came on the wrong connection", telling: true)
                        }
                        delivered.append(frame)
                    } else {
                        try take(frame, context)
                    }
                }
            }
        } catch let refusal as Refusal {
            ending = Hangup(reason: "\(refusal.code.rawValue): \(refusal.message)", telling: welcomed)
        } catch let hangup as Hangup {
            ending = hangup
        } catch {
            ending = Hangup(reason: "\(error)", telling: false)
        }
        // Before the end, after which the inbox takes nothing: what came whole counts, also in one read with what did not.
        if !delivered.isEmpty, !inbox.add(delivered) { paused = true }
        if let ending { hangUp(ending, context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if reason == nil, !paused { context.read() }
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail("the connection was closed by the other end")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail("\(error)")
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ticker?.cancel()
        self.context = nil
    }

    /// A frame of the connection's own.
    private func take(_ frame: Frame, _ context: ChannelHandlerContext) throws {
        switch frame.kind {
        case ReservedKind.greeting where !welcomed:
            guard let channel = PeerChannel(rawValue: frame.channel), peerChannel.map({ $0 == channel }) ?? true else {
                throw Hangup(reason: "bad-format: a greeting for channel \(frame.channel)", telling: true)
            }
            let welcome = try owner.greeted(self, Greeting(decoding: frame.payload), channel: channel)
            peerChannel = channel
            welcomed = true
            // The answer still has the version that everybody reads; what comes after it has the common one.
            if let answer = welcome.answer { sendNow(ReservedKind.greeting, answer.encoded(), context) }
            decoder.version = welcome.version
            decoder.maximumPayload = FrameFormat.maximumPayload
        case ReservedKind.ping where welcomed:
            guard frame.payload.count == Self.pingBytes else {
                throw Hangup(reason: "bad-format: a ping of \(frame.payload.count) bytes", telling: true)
            }
            if isIdle(context) { sendNow(ReservedKind.pong, frame.payload, context) }
        case ReservedKind.pong where welcomed:
            guard frame.payload.count == Self.pingBytes else { break }
            let sent = frame.payload.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let now = NIODeadline.now().uptimeNanoseconds
            if now > sent { lastRoundTrip.store(now - sent, ordering: .relaxed) }
        case ReservedKind.refusal:
            throw Hangup(reason: String(decoding: frame.payload.prefix(512), as: UTF8.self), telling: false)
        default:
            throw Hangup(reason: "bad-format: a frame of kind \(frame.kind) came at the wrong moment", telling: true)
        }
    }

    /// Gives the socket the next batch; comes back when it is written, as long as frames wait.
    private func drain() {
        guard let context, reason == nil, let batch = outbox.takeBatch() else { return }
        for frame in batch.frames.dropLast() { context.write(wrapOutboundOut(frame), promise: nil) }
        guard let last = batch.frames.last else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { result in
            guard case .success = result else { return }
            if self.outbox.wrote(batch.bytes) { self.owner.hasRoom(self) }
            self.drain()
        }
        context.writeAndFlush(wrapOutboundOut(last), promise: written)
    }

    private func tick() {
        guard let context else { return }
        guard reason == nil else {
            // The refusal that was to be told is stuck: nobody reads.
            context.close(promise: nil)
            return
        }
        if let left = ticksToComplete {
            if left == 0 { return fail("the three connections were not complete after \(timing.silence)") }
            ticksToComplete = left - 1
        }
        // What is not read while the inbox is full cannot be missed.
        if !paused { silentTicks += 1 }
        if silentTicks > timing.ticks { return fail("no answer for \(timing.silence)") }
        if welcomed, isIdle(context) {
            var now: [UInt8] = []
            withUnsafeBytes(of: NIODeadline.now().uptimeNanoseconds.littleEndian) { now.append(contentsOf: $0) }
            sendNow(ReservedKind.ping, now, context)
        }
    }

    /// Whether a sign of life is worth sending: data that wait are one themselves, and what stands behind them tells nothing.
    ///
    /// It also bounds what signs of life, which the outbox does not count, take up for a peer that does not read.
    private func isIdle(_ context: ChannelHandlerContext) -> Bool {
        outbox.queuedBytes == 0 && context.channel.isWritable
    }

    private func sendNow(_ kind: UInt8, _ payload: [UInt8], _ context: ChannelHandlerContext) {
        guard let peerChannel else { return }
        let frame = FrameBuilder.frame(kind: kind, channel: peerChannel, version: decoder.version, payload: payload)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func hangUp(_ hangup: Hangup, _ context: ChannelHandlerContext) {
        guard reason == nil else { return }
        guard hangup.telling else { return fail(hangup.reason) }
        if peerChannel == nil { peerChannel = .control }
        end(hangup.reason)
        guard let peerChannel else { return }
        let frame = FrameBuilder.frame(
            kind: ReservedKind.refusal,
            channel: peerChannel,
            version: decoder.version,
            payload: Array(hangup.reason.utf8)
        )
        context.writeAndFlush(wrapOutboundOut(frame)).whenComplete { _ in self.context?.close(promise: nil) }
    }

    private func fail(_ text: String) {
        guard reason == nil else { return }
        end(text)
        context?.close(promise: nil)
    }

    private func end(_ text: String) {
        reason = text
        outbox.end()
        owner.lost(self, reason: text)
    }
}
