given = {
  a = [1, "2"]
  b = []
}
given_object = { b = "3" }
never_null   = null
truth        = "false"
