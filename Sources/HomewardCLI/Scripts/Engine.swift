import HomewardRunbooks
import LuaHost

/// The runbook engine in Lua, as the commands call it.
enum Engine {
    /// The table that `homeward.runbook`'s `main` takes.
    static func options(
        _ action: String,
        _ runbook: RunbookFiles.Text,
        site: RunbookFiles.Text? = nil,
        arguments: [(name: String, value: String)] = []
    ) -> LuaValue {
        .record([
            "action": .text(action),
            "name": .text(runbook.name),
            "source": .text(runbook.source),
            "chunk": .text(runbook.chunk),
            "file": .text(runbook.origin),
            "revision": .text(runbook.revision),
            "site": site.map { .record(["chunk": .text($0.chunk), "source": .text($0.source)]) } ?? .none,
            "arguments": .table(
                LuaTable(fields: arguments.map { LuaTable.Field(name: $0.name, value: .text($0.value)) })
            ),
        ])
    }

    /// The chunk that hands it over.
    static let call = LuaSource(
        name: "homeward",
        text: Array(#"return require("homeward.runbook").main(...)"#.utf8)
    )
}

extension Result where Success == [LuaValue], Failure == LuaError {
    /// The table that a call of the engine returned.
    func table() throws -> LuaTable {
        guard case .table(let table)? = try get().first else {
            throw LuaError(.type, "the runbook engine returned no table", hint: "homeward runbooks check FILE")
        }
        return table
    }
}

extension LuaTable {
    /// The entries of a list of tables.
    func tables(_ name: String) -> [LuaTable] {
        guard case .table(let list) = self[name] else { return [] }
        return list.array.compactMap { if case .table(let entry) = $0 { entry } else { nil } }
    }

    func texts(_ name: String) -> [String] {
        guard case .table(let list) = self[name] else { return [] }
        return list.array.map(\.plain)
    }

    func text(_ name: String) -> String { self[name].plain }
}

extension LuaValue {
    /// As people read it in a list of parameters.
    var plain: String {
        switch self {
        case .none: ""
        case .boolean(let value): value ? "yes" : "no"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .table(let table):
            (table.array.map(\.plain) + table.fields.map { "\($0.name)=\($0.value.plain)" }).joined(separator: ", ")
        case .object(let object): object["name"] == .none ? object.className : object["name"].plain
        case .function: "a function"
        }
    }
}
