import ArgumentParser
import HomewardAdministration
import LuaHost

/// Options that raise the limits of a script.
struct ScriptLimits: ParsableArguments {
    /// Those that take the next word as their value.
    static let names = ["--memory", "--cpu", "--output"]

    @Option(help: ArgumentHelp("What Lua may hold (256M).", valueName: "size"), transform: Self.size)
    var memory: UInt64 = 256 << 20
    @Option(help: ArgumentHelp("Processor time between two waits.", valueName: "seconds"))
    var cpu = 10.0
    @Option(help: ArgumentHelp("What may be printed (32M).", valueName: "size"), transform: Self.size)
    var output: UInt64 = 32 << 20

    private static func size(_ text: String) throws -> UInt64 { try Size.parse(text) }

    func validate() throws {
        guard cpu > 0, cpu.isFinite else { throw ValidationError("--cpu must be more than 0") }
        guard memory <= UInt64(Int.max), output <= UInt64(Int.max) else {
            throw ValidationError("--memory and --output must be at most \(Int.max) bytes")
        }
    }

    var limits: LuaLimits { LuaLimits(memory: Int(memory), cpuSeconds: cpu, output: Int(output)) }
}
