/// What is declared in a world, by the numbers under which Lua knows it.
struct LuaRegistry {
    /// A declared function, with what its binding needs.
    struct Function {
        var declaration: LuaFunction<LuaPending>
        /// For messages: `hw.sleep`, `RDS:status`.
        var name: String
        /// The class that it is a method of.
        var className: String?
        var module: Int
        /// The compiled body of a function in Lua.
        var body: Int32?
    }

    struct Class {
        var declaration: LuaClass<LuaPending>
        var module: Int
        /// Number of its first method.
        var firstMethod: Int
        /// The place of the method that `<close>` calls among its methods; nil when there is none.
        var closing: Int? { declaration.methods.firstIndex { $0.name == declaration.close } }
    }

    struct Module {
        var declaration: LuaModule<LuaPending>
        /// What messages call it: the global that it is, or its last name.
        var shortName: String
        var firstFunction: Int
        /// Its table, once it is made.
        var reference: Int32?
    }

    /// Numbers of declared functions begin here; those below are ``LuaNative``.
    static let firstFunction: Int64 = 1000
    /// Added to the number of a class: what its metatable calls.
    static let close: Int64 = 1 << 32
    static let unknownField: Int64 = 2 << 32
    static let assignment: Int64 = 3 << 32
    static let equality: Int64 = 4 << 32
    static let text: Int64 = 5 << 32
    /// Added to the number of a module, from 0.
    static let unknownFunction: Int64 = 6 << 32

    var functions: [Function] = []
    /// Class number n is at n − 1.
    var classes: [Class] = []
    var classNumbers: [String: Int] = [:]
    var classNames: [String] = []
    var modules: [Module] = []
    var preludeReference: Int32 = 0

    mutating func add(_ module: LuaModule<LuaPending>, shortName: String) {
        let number = modules.count
        modules.append(Module(declaration: module, shortName: shortName, firstFunction: functions.count))
        for function in module.functions {
            functions.append(Function(declaration: function, name: "\(shortName).\(function.name)", module: number))
        }
        for declared in module.classes {
            classes.append(Class(declaration: declared, module: number, firstMethod: functions.count))
            classNames.append(declared.name)
            classNumbers[declared.name] = classes.count
            for method in declared.methods {
                functions.append(
                    Function(
                        declaration: method,
                        name: "\(declared.name):\(method.name)",
                        className: declared.name,
                        module: number
                    )
                )
            }
        }
    }

    func function(_ number: Int64) -> Function? {
        let index = number - Self.firstFunction
        return functions.indices.contains(Int(clamping: index)) ? functions[Int(index)] : nil
    }
}

extension LuaFunction {
    /// The parameter that is an options table with the key `on_progress`; nil when there is none.
    var progressParameter: Int? {
        guard let last = parameters.last, case .options(let keys) = last.type else { return nil }
        return keys.contains { $0.name == "on_progress" } ? parameters.count - 1 : nil
    }
}
