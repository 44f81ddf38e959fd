/// Everything that decides one simulated life.
public struct Scenario: Sendable, Equatable {
    /// How much of the world a life may see.
    public enum Scope: String, CaseIterable, Sendable {
        /// Three hosts with two volumes; processes and hosts die, connections are cut.
        case narrow
        /// Two to four hosts, one or two RVGs on each with one to three volumes, all kinds of ``Fault``, and people who type what is wrong.
        case wide
    }

    public var seed: UInt64
    /// A mistake that is to be found.
    public var planted: PlantedBug?
    /// How the Primary is brought home; nil: as the seed has it.
    public var procedure: Procedure?
    public var scope: Scope
    /// Kinds of faults that do not strike although they are drawn.
    public var without: Set<Fault>
    /// So many faults strike; nil: all.
    public var faultLimit: Int?
    /// So many writes are made by the applications; nil: all.
    public var writeLimit: Int?
    /// So many verbs are typed that nobody has to type; nil: all.
    public var whimLimit: Int?
    /// RVGs on each host; nil: as the seed has it.
    public var rvgs: Int?
    /// Who sets replication up; nil: as the seed has it.
    public var setup: Setup?
    /// The images of a host are compared after each of its steps, and not only now and then: the same life, and slow.
    public var looksAtEachStep: Bool

    /// How an RDS comes to be.
    public enum Setup: String, CaseIterable, Sendable {
        /// It is there when the hosts start.
        case made
        /// The hosts have nothing, and `setup-replication` is run.
        case runbook
    }

    public init(
        seed: UInt64,
        planted: PlantedBug? = nil,
        procedure: Procedure? = nil,
        scope: Scope = .wide,
        without: Set<Fault> = [],
        faultLimit: Int? = nil,
        writeLimit: Int? = nil,
        whimLimit: Int? = nil,
        rvgs: Int? = nil,
        setup: Setup? = nil,
        looksAtEachStep: Bool = false
    ) {
        self.seed = seed
        self.planted = planted
        self.procedure = procedure
        self.scope = scope
        self.without = without
        self.faultLimit = faultLimit
        self.writeLimit = writeLimit
        self.whimLimit = whimLimit
        self.rvgs = rvgs
        self.setup = setup
        self.looksAtEachStep = looksAtEachStep
    }

    /// Of the wide lives with one RVG that are brought home by runbooks one in four is set up by one, drawn from a
    /// generator of its own.
    var isSetUpByRunbook: Bool {
        if let setup { return setup == .runbook && rvgCount == 1 }
        var dice = Dice(seed: seed &* 0xB492_B66F_BE98_F273 ^ 0x9AE1_6A3B_2F90_404F)
        let isDrawn = dice.chance(25)
        return isDrawn && scope == .wide && rvgCount == 1 && (procedure ?? Procedure.of(seed: seed)) == .runbooks
    }

    /// RVGs on each host: two in one wide life of six, drawn from a generator of its own, so that the others are what
    /// they would be if there were never two.
    var rvgCount: Int {
        if let rvgs { return max(1, rvgs) }
        var dice = Dice(seed: seed &* 0xA076_1D64_78BD_642F ^ 0xE703_7ED1_A0B4_28DB)
        return scope == .wide && dice.chance(16) ? 2 : 1
    }

    /// The options of `homeward-sim` that repeat it.
    public var options: [String] {
        var words = ["--scope", scope.rawValue]
        if let planted { words += ["--plant", planted.rawValue] }
        if let procedure { words += ["--procedure", procedure.rawValue] }
        if let setup { words += ["--setup", setup.rawValue] }
        if !without.isEmpty { words += ["--without", without.map(\.rawValue).sorted().joined(separator: ",")] }
        for (option, number) in [
            ("--faults", faultLimit), ("--writes", writeLimit), ("--whims", whimLimit), ("--rvgs", rvgs),
        ] {
            if let number { words += [option, "\(number)"] }
        }
        if looksAtEachStep { words.append("--each-step") }
        return words
    }
}
