import CLuaShim

/// A verb inside of the engine, which does not know its type: carried along, so that one that is refused is gone with its
/// refusal.
struct LuaPending: Sendable {
    private let carried: any Sendable

    init(_ verb: some Sendable) { carried = verb }

    /// The verb, whose type is that of the world it was made in.
    func verb<Verb>(_ type: Verb.Type) -> Verb {
        guard let verb = carried as? Verb else { preconditionFailure("a verb of another world") }
        return verb
    }
}

/// The state of a ``LuaRun``, its fibers and their requests.
///
/// Whatever calls into Lua or is called by it is here and in the extensions; nothing here knows the type of the verbs.
///
/// Not Sendable: of one thread at a time.
final class LuaEngine {
    typealias Step = LuaStep<LuaPending>

    /// Thousands of instructions that may pass before others get their turn.
    static let slice = 100
    /// Blocks that may be refused in one run; each costs a collection of all that Lua holds.
    static let refusals: UInt64 = 200
    /// Thousands of instructions that a script's `__tostring` gets in one step where no fiber runs: to show an error.
    static let showing = 1000
    /// Where a world counts no time: instructions that an unwinding fiber gets.
    static let unwindingInstructions: UInt64 = 50_000_000

    let world: LuaWorld<LuaPending>
    let pulse: LuaPulse
    /// Processor time of the calling thread; always 0 in a seeded world.
    let clock: () -> UInt64
    private let bridge: LuaBridge
    /// The state's own thread, on which nothing of a script runs.
    let stack: LuaStack
    var registry = LuaRegistry()

    var fibers: [Int: LuaFiber] = [:]
    /// How many of them have not ended.
    var running = 0
    var current: LuaFiber?
    /// Fibers that can go on, in the order of their turns.
    var ready = LuaTurns()
    var nextFiber = 1
    /// Fibers by what they wait for; a timer's request is not here.
    var requests: [UInt64: Int] = [:]
    /// Fibers by the sleep that bounds their join or their grace.
    var timers: [UInt64: Int] = [:]
    /// Fibers that were asked to end since the last step.
    var asked: [Int] = []
    /// Requests that are sleeps: given up, they need not be awaited.
    var sleeps: Set<UInt64> = []
    /// Requests that close what no fiber took; none waits for their end.
    var closing: Set<UInt64> = []
    var nextRequest: UInt64 = 1
    var begin: [(id: LuaRequestID, request: LuaRequest<LuaPending>)] = []
    var cancelled: [LuaRequestID] = []

    /// Why all of it is being stopped.
    var stopReason: LuaError?
    var result: Result<[LuaValue], LuaError>?
    /// What the last step came to.
    var state = Step.State.finished([])
    var isPrompt = false
    /// What was typed is an expression, so that its value is shown even if it is nil.
    var promptShowsNil = false
    var source = LuaSource(name: "", text: [])
    /// What places in messages can begin with.
    var chunkNames: Set<String> = ["(load)"]
    /// Of chunks that a script loads itself, names are kept while there are fewer than so many.
    static let mostChunkNames = 1000
    /// Bytes of a name that Lua shows whole in a place; a longer one is never found there.
    static let longestChunkName = 59
    var printed = 0
    /// Blocks that were refused before this run.
    var refusalsBefore: UInt64 = 0
    /// Thousands of instructions that were run in this step while no fiber was.
    var shown = 0

    /// The driver's time when this step began, and the processor time then.
    var now: UInt64 = 0
    var clockAtStep: UInt64 = 0
    var clockAtResume: UInt64 = 0

    init(_ world: LuaWorld<LuaPending>, pulse: LuaPulse, clock: (() -> UInt64)? = nil) throws(LuaError) {
        self.world = world
        self.pulse = pulse
        self.clock = world.seed == nil ? clock ?? { homeward_lua_thread_nanoseconds() } : { 0 }
        let bridge = LuaBridge()
        let callbacks = homeward_lua_callbacks(
            context: Unmanaged.passUnretained(bridge).toOpaque(),
            invoke: { context, state, function in
                guard let context, let state else { return LuaReply.stop }
                return Unmanaged<LuaBridge>.fromOpaque(context).takeUnretainedValue().invoke(state, function)
            },
            poll: { context, state, maySuspend in
                guard let context, let state else { return LuaReply.goOn }
                return Unmanaged<LuaBridge>.fromOpaque(context).takeUnretainedValue().poll(state, maySuspend)
            }
        )
        guard let state = homeward_lua_create_world(max(0, world.limits.memory), callbacks, pulse.pointer) else {
            throw Self.outOfMemory(world.limits)
        }
        self.bridge = bridge
        stack = LuaStack(state: state)
        bridge.engine = self
        let open = withRoom { () -> Result<Void, LuaError> in
            do throws(LuaError) { return .success(try openWorld()) } catch { return .failure(error) }
        }
        try open.get()
        guard homeward_lua_settle(state) else { throw Self.outOfMemory(world.limits) }
    }

    deinit {
        bridge.engine = nil
        let kept = homeward_lua_destroy(stack.state)
        assert(kept == 0, "Lua kept \(kept) bytes")
    }

    /// Pushes may pass the cap in `body`.
    func withRoom<Result>(_ body: () -> Result) -> Result {
        let before = homeward_lua_no_fail(stack.state, true)
        defer { _ = homeward_lua_no_fail(stack.state, before) }
        return body()
    }

    static func outOfMemory(_ limits: LuaLimits) -> LuaError {
        LuaError(
            .memoryLimit,
            "more than \(limits.memory) bytes of memory are needed",
            hint: "look for a table or a string that grows without end, or raise the limit"
        )
    }

    /// The driver's time now, as far as it can be known within a step.
    var present: UInt64 { now &+ (clock() &- clockAtStep) }
}

/// What the C side holds: it can outlive nothing, since the engine destroys the state before it ends.
final class LuaBridge {
    unowned(unsafe) var engine: LuaEngine?

    func invoke(_ state: OpaquePointer, _ function: Int64) -> Int32 {
        engine?.invoke(LuaStack(state: state), function) ?? LuaReply.stop
    }

    func poll(_ state: OpaquePointer, _ maySuspend: Bool) -> Int32 {
        engine?.poll(LuaStack(state: state), maySuspend) ?? LuaReply.goOn
    }
}

/// What a callback answers, beside a count of results.
enum LuaReply {
    static let raise = Int32(HOMEWARD_LUA_RAISE)
    static let wait = Int32(HOMEWARD_LUA_WAIT)
    static let stop = Int32(HOMEWARD_LUA_STOP)
    static let body = Int32(HOMEWARD_LUA_BODY)
    /// To the hook.
    static let goOn = Int32(HOMEWARD_LUA_CONTINUE)
    static let end = Int32(HOMEWARD_LUA_END)
    static let preempt = Int32(HOMEWARD_LUA_PREEMPT)
    /// The number of the call that asks what a wait came to.
    static let resumed = Int64(HOMEWARD_LUA_RESUMED)
}
