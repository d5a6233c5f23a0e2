// As much of JSON as the stand-ins' wire needs.
package standin;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

final class Json {
    private final String text;
    private int at = 0;

    Json(String text) {
        this.text = text;
    }

    Object whole() {
        Object value = value();
        if (next() != '\0') {
            throw new IllegalArgumentException("more than one value");
        }
        return value;
    }

    /** The next character that counts, not yet taken; NUL at the end. */
    private char next() {
        while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return at < text.length() ? text.charAt(at) : '\0';
    }

    private void take(char wanted) {
        if (next() != wanted) {
            throw new IllegalArgumentException("no " + wanted + " at " + at);
        }
        at++;
    }

    private boolean taken(char wanted) {
        boolean is = next() == wanted;
        at += is ? 1 : 0;
        return is;
    }

    private Object value() {
        switch (next()) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            default:
                return integer();
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> fields = new LinkedHashMap<>();
        take('{');
        while (!taken('}')) {
            String key = string();
            take(':');
            fields.put(key, value());
            taken(',');
        }
        return fields;
    }

    private List<Object> array() {
        List<Object> values = new ArrayList<>();
        take('[');
        while (!taken(']')) {
            values.add(value());
            taken(',');
        }
        return values;
    }

    private Integer integer() {
        int start = at;
        while (at < text.length() && "-0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return Integer.valueOf(text.substring(start, at));
    }

    private String string() {
        StringBuilder found = new StringBuilder();
        take('"');
        while (text.charAt(at) != '"') {
            char character = text.charAt(at++);
            found.append(character == '\\' ? escaped() : character);
        }
        at++;
        return found.toString();
    }

    private char escaped() {
        char kind = text.charAt(at++);
        switch (kind) {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'u':
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 4, at), 16);
            default:
                return kind;
        }
    }
}
