# Declared types with their defaults, values from a variable file, and locals in every form that takes several lines.

variable "untyped" {
  default = [1, "a", { b = null }]
}

variable "text" {
  type    = string
  default = 5
}

variable "number" {
  type    = number
  default = "1.50"
}

variable "truth" {
  type    = bool
  default = "true"
}

variable "texts" {
  type    = list(string)
  default = [1, "a", true, null]
}

variable "set" {
  type    = set(number)
  default = [3, "1", 2, 1]
}

variable "set_of_objects" {
  type = set(object({ name = string, port = optional(number, 80) }))
  default = [
    { name = "b" },
    { name = "a", port = "81" },
    { name = "b", port = 80 },
  ]
}

variable "map" {
  type    = map(string)
  default = { a = 1, b = true, c = "x" }
}

variable "old_list" {
  type    = list(any)
  default = [1, "a"]
}

variable "old_map" {
  type    = map(any)
  default = { a = 1, b = "x" }
}

variable "any_list" {
  type    = list(any)
  default = [1, "a", true]
}

variable "any_map" {
  type    = map(any)
  default = { a = [1], b = ["x"] }
}

variable "pair" {
  type    = tuple([string, number, bool])
  default = [1, "2", "true"]
}

variable "object" {
  type    = object({ a = string, b = number })
  default = { a = 1, b = "2", c = "left out" }
}

variable "optional" {
  type = object({
    name    = string
    size    = optional(number)
    kind    = optional(string, "small")
    tags    = optional(map(string), {})
    nested  = optional(object({ x = optional(string, "y"), z = optional(list(number), [1, 2]) }), {})
    nothing = optional(object({ x = optional(string, "y") }))
  })
  default = { name = "a", kind = null }
}

variable "services" {
  type = map(object({
    image    = string
    port     = optional(number, 8080)
    command  = optional(list(string), [])
    settings = optional(map(any), { level = "info" })
    health   = optional(object({ path = optional(string, "/"), seconds = optional(number, 5) }), { path = "/up" })
  }))
  default = {
    web = { image = "web:1", port = "80", health = { seconds = "10" } }
    api = { image = "api:1", command = ["run", 1], health = null }
    job = { image = 7, settings = { a = 1, b = "x" } }
  }
}

variable "objects" {
  type    = list(object({ a = optional(string), b = optional(bool, true) }))
  default = [{ a = 1 }, {}, { b = false, c = 3 }]
}

variable "map_as_object" {
  type    = map(object({ a = optional(string, "x") }))
  default = { k = {}, l = { a = "m" } }
}

variable "nested_lists" {
  type    = list(list(string))
  default = [[1], [], ["a", true]]
}

variable "nothing" {
  type    = string
  default = null
}

variable "never_null" {
  type     = string
  default  = "kept"
  nullable = false
}

variable "given" {
  type = map(list(number))
}

variable "given_object" {
  type = object({ a = optional(string, "d"), b = optional(number) })
}

variable "secret" {
  type      = string
  default   = "hidden"
  sensitive = true
}

locals {
  plain = <<EOT
Hello
  ${upper("world")} and $${this} %%{that} \n "quoted"
EOT

  outdented = <<-EOT
    first
      second ${1 + 1}

    third
    %{for x in ["a", "b"]~}
    <${x}>
    %{endfor~}
    last
  EOT

  closing_further_in = <<-EOT
  a
    b
      EOT

  not_outdented = <<-EOT
  a
    b
  EOT

  empty = <<EOT
EOT

  stripped = <<EOT
  a   ${~"b"~}
  c
${"d"~}

  e
EOT

  in_a_list = [<<ONE
one
ONE
    , <<-TWO
      two
    TWO
  ]

  several_lines = {
    # a comment
    a = 1 // another
    b = [
      1,
      2, /* and one */
      3
    ]
    "c" : (
      1 +
      2
    )
    d = true ? "x" : "y", e = length(
      "abc"
    )
  }

  chained = local.several_lines.a + local.several_lines.b[2] + local.later

  later = local.several_lines.e * 10

  conditional = (
    var.number > 1
    ? "more"
    : "less"
  )

  merged = merge(
    { for name, service in var.services : name => service.port },
    var.nothing == null ? {} : { nothing = 1 },
  )

  health = { for name, service in var.services : name => try(service.health.path, "none") }

  names = [for service in var.services : service.image if length(service.command) == 0]

  json = jsonencode({
    services = [
      for name, service in var.services : {
        name    = name
        image   = service.image
        command = service.command
      }
    ]
  })

  workspace = "${terraform.workspace}-${path.module}"

  secret_length = length(var.secret)

  defaulted = coalesce(var.nothing, var.never_null)

  total = sum([for each in var.set : each])

  first = sort(var.texts[*] == null ? [] : compact(var.texts))[0]

  equal = [var.set_of_objects == toset([]), var.pair == ["1", 2, true], var.object == { a = "1", b = 2 }]
}
