/*
 * Event Logger's events → the feed of Notice Console. Groovy and Java alone, no other library.
 *
 * The table and `eventOf` are what matters, and what the project's tests run. How your Event Logger
 * calls a script, and in what shape it hands over an event, is the site's: the lines at the end
 * take one JSON object a line from standard input, {"id": 160, "at": "2026-01-31T12:00:00.123Z",
 * "properties": {…}}, in the names of Interaction Server's InteractionProperties.
 *
 *     NOTICE_CONSOLE=https://console.example.org NOTICE_CONSOLE_TOKEN=… groovy feed_event_logger.groovy
 *
 * The console takes events twice and out of order: so whatever is doubtful is sent again.
 */
import groovy.json.JsonException
import groovy.json.JsonOutput
import groovy.json.JsonSlurper

/** Event ids, and what they mean to the feed. Others are passed over. */
class Mapping {
    static final Map<Integer, List<String>> EVENTS = [
        160: ['EventInteractionSubmitted', 'upsert'],
        104: ['EventPropertiesChanged', 'upsert'],
        132: ['EventPartyAdded', 'upsert'],
        133: ['EventPartyRemoved', 'upsert'],
        162: ['EventPlacedInQueue', 'upsert'],
        177: ['EventTakenFromQueue', 'upsert'],
        161: ['EventProcessingStopped', 'stopped'],
    ]
    /** Interaction Server's State. */
    static final List<String> STATES = ['queued', 'cached', 'routing', 'handling']
}

/**
 * What the feed is told of an event; null for one that it need not know. What the properties do not
 * have is left out, and then stays as the console has it. UserData must be whole or absent: the
 * console replaces it as a whole, and sends all of it to Chat Server.
 */
Map eventOf(int id, String at, Map properties) {
    List<String> known = Mapping.EVENTS[id]
    if (known == null || properties.Id == null) {
        return null
    }
    Map interaction = [
        id         : properties.Id,
        media_type : properties.Mediatype,
        tenant_id  : properties.TenantId,
        state      : properties.State == null ? null : Mapping.STATES[properties.State as int],
        queue      : properties.Queue,
        // Who leaves is told by this event alone: the next party comes with its own.
        agent      : known[0] == 'EventPartyRemoved' ? '' : properties.AgentId,
        received_at: properties.ReceivedAt,
        is_online  : properties.IsOnline == null ? null : (properties.IsOnline as int) != 0,
        user_data  : properties.UserData,
    ].findAll { name, value -> value != null }
    return [type: known[1], occurred_at: at, interaction: interaction]
}

/** Give events to the feed; answers what it said of them. Tried again until the console answers. */
Map feed(String console, String token, List<Map> events) {
    byte[] body = JsonOutput.toJson([events: events]).getBytes('UTF-8')
    for (long pause = 1000; ; pause = Math.min(2 * pause, 30000)) {
        try {
            HttpURLConnection call = new URL("${console}/api/v1/interactions/events/").openConnection()
            call.with {
                connectTimeout = 5000
                readTimeout = 30000
                requestMethod = 'POST'
                doOutput = true
                setRequestProperty('Authorization', "Bearer ${token}")
                setRequestProperty('Content-Type', 'application/json')
                outputStream.withStream { it.write(body) }
            }
            if (call.responseCode == 202) {
                return call.inputStream.withStream { new JsonSlurper().parse(it, 'UTF-8') } as Map
            }
            // 502 and 504 are a proxy's, while the console restarts.
            if (call.responseCode != 429 && call.responseCode < 500) {
                // Asking again would not help: let somebody see it.
                throw new IllegalStateException("The feed answered ${call.responseCode}: " +
                    call.errorStream?.getText('UTF-8'))
            }
        } catch (IOException | JsonException away) {
            System.err.println("The console is away: ${away.message}")
        }
        sleep(pause)
    }
}

// SITE: from here on.
List<Map> events = System.in.readLines('UTF-8').collect { line ->
    Map given = new JsonSlurper().parseText(line) as Map
    eventOf(given.id as int, given.at as String, given.properties as Map)
}.findAll { it != null }
String console = System.getenv('NOTICE_CONSOLE').replaceAll('/+$', '')
println JsonOutput.toJson(feed(console, System.getenv('NOTICE_CONSOLE_TOKEN'), events))
