'{{type}}': {{kind}}({ 1: z.strictObject({ {{field}}: z.string() }) })
