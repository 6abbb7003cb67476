"""A file as a C string: openapi_text.py FILE OUTPUT."""
import sys

with open(sys.argv[1], "rb") as source, open(sys.argv[2], "w", encoding="ascii") as output:
    output.write("extern const char openapi_text[];\nconst char openapi_text[] =\n")
    for line in source:
        plain = "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in line)
        output.write(f'    "{plain}"\n')
    output.write("    ;\n")
