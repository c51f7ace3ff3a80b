"""The catalogue: everything a person reads, in English and Russian, in one place.

Owns the texts and how a number bends a word. A text is plain: values are put into it by name and
are never read as a template or as markup. Both languages hold the same keys with the same values
(a test compares them).
"""

from collections.abc import Mapping
from enum import StrEnum


class Language(StrEnum):
    """A language the catalogue is complete in."""

    ENGLISH = "en"
    RUSSIAN = "ru"


def parse_language(text: str | None) -> Language:
    """Choose the language for `ru`, `ru_RU.UTF-8`, None …; English unless it is Russian."""
    if text and text.lower().replace("-", "_").split(".")[0].split("_")[0] in ("ru", "rus"):
        return Language.RUSSIAN
    return Language.ENGLISH


def plural(number: int, language: Language, forms: str) -> str:
    """Return the form of a word that stands after a number.

    `forms` are separated by `|`: two in English (message|messages), three in Russian
    (сообщение|сообщения|сообщений), after the plural rules of Unicode CLDR.
    """
    words = forms.split("|")
    number = abs(number)
    if language is Language.ENGLISH:
        return words[0] if number == 1 else words[1]
    if number % 10 == 1 and number % 100 != 11:
        return words[0]
    if 2 <= number % 10 <= 4 and not 12 <= number % 100 <= 14:
        return words[1]
    return words[2]


def say(key: str, language: Language, /, **values: object) -> str:
    """Return the text of a key in a language with its values put in.

    Raises KeyError for a key or a value that is missing.
    """
    english, russian = PHRASES[key]
    template = russian if language is Language.RUSSIAN else english
    return template.format_map(values) if values else template


PHRASES: Mapping[str, tuple[str, str]] = {
    # -- Welcome and refusal -------------------------------------------------------------------
    "welcome": (
        "Welcome, {name}! Online: {online}.",
        "Добро пожаловать, {name}! В сети: {online}.",
    ),
    "welcome.cut": (
        "Welcome, {name}! Online: {online}; the list is cut, the first {shown} are in it.",
        "Добро пожаловать, {name}! В сети: {online}; список урезан, в нём первые {shown}.",
    ),
    "bye": ("Good-bye.", "До свидания."),
    # -- What the server's terminal shows -------------------------------------------------------
    "report.connected": ("{address} connected", "{address}: новое соединение"),
    "report.disconnected": ("{address} went without a name", "{address}: соединение закрыто"),
    "report.refused": ("{address} refused: {code}", "{address}: отказ: {code}"),
    "report.registered": ("{name} came, from {address}", "{name} в сети, адрес {address}"),
    "report.device": (
        "{name} came with one more device, from {address}",
        "{name} в сети с ещё одним устройством, адрес {address}",
    ),
    "report.left": ("{name} left", "{name} не в сети"),
    "report.message": ("{room} {name}: {text}", "{room} {name}: {text}"),
    "report.whisper": ("{name} whispers to {to}", "{name} шепчет {to}"),
    "report.created": ("{name} made the room {room}", "{name}: создана комната {room}"),
    "report.joined": ("{name} joined {room}", "{name}: вход в {room}"),
    "report.parted": ("{name} left {room}", "{name}: выход из {room}"),
    # -- `molva serve` --------------------------------------------------------------------------
    "serve.ready": ("ready on {host}:{port}", "ready on {host}:{port} — можно входить"),
    "serve.store": (
        "Everything said is kept in {path} (SQLite {version}).",
        "Всё сказанное хранится в {path} (SQLite {version}).",
    ),
    "serve.loopback": (
        "Only this machine can connect. To let the network in: molva serve --host 0.0.0.0",
        "Подключиться можно только с этой машины. Чтобы впустить сеть: molva serve --host 0.0.0.0",
    ),
    "serve.chat": (
        "To join from a terminal: molva chat{address}",
        "Войти из терминала: molva chat{address}",
    ),
    "serve.limits_off": (
        "LIMITS ARE OFF: anybody can flood this server. For benches and tests only.",
        "ОГРАНИЧЕНИЯ СНЯТЫ: этот сервер может завалить кто угодно. Только для замеров и проверок.",
    ),
    "serve.port": (
        "Cannot listen on {host}:{port}: {error}. Choose another with --port.",
        "Не удаётся слушать {host}:{port}: {error}. Выберите другой порт: --port.",
    ),
    "serve.stopping": ("Stopping: ending what was begun …", "Остановка: завершаю начатое …"),
    "serve.stopped": ("Stopped. Nothing is lost.", "Остановлен. Ничего не потеряно."),
    "serve.reloaded": ("The configuration was read again.", "Настройки прочитаны заново."),
    "serve.bug": (
        "Stopped by a bug in the server itself (above). What was stored is whole; please report.",
        "Остановлен ошибкой в самом сервере (выше). Сохранённое цело; сообщите о ней, пожалуйста.",
    ),
    "serve.lines": ("line|lines", "строка|строки|строк"),
    "serve.skipped": (
        "… {n} {lines} skipped: the terminal was too slow",
        "… пропущено: {n} {lines}, терминал не успевал",
    ),
    # -- Opening the store ----------------------------------------------------------------------
    "store.locked": (
        "Another server (process {pid}) uses {path}. Stop it, or choose another --data.",
        "Файл {path} занят другим сервером (процесс {pid}). Остановите его или выберите другой "
        "каталог: --data.",
    ),
    "store.newer": (
        "{path} was written by a newer Molva (schema {version}, this one knows {known}). "
        "Use that one.",
        "{path} записан более новой Молвой (схема {version}, эта знает {known}). Запустите её.",
    ),
    "store.damaged": (
        "{path} is damaged or is not a Molva database: {detail}. Nothing was changed in it.",
        "{path} повреждён или не является базой Молвы: {detail}. В нём ничего не изменено.",
    ),
    "store.unusable": (
        "{path} cannot be opened: {detail}.",
        "{path} не открывается: {detail}.",
    ),
    "store.sqlite_old": (
        "SQLite {version} is too old: {needed} or newer is needed.",
        "SQLite {version} слишком стар: нужен {needed} или новее.",
    ),
    "store.directory": (
        "Cannot use the directory {path}: {error}. Choose another with --data.",
        "Каталог {path} недоступен: {error}. Выберите другой: --data.",
    ),
    # -- Configuration --------------------------------------------------------------------------
    "config.unknown": (
        "There is no setting {key}. (File: {file})",
        "Настройки {key} не существует. (Файл: {file})",
    ),
    "config.missing": (
        "There is no configuration file {file}.",
        "Файла настроек {file} нет.",
    ),
    "config.unreadable": (
        "The configuration file {file} cannot be read: {error}",
        "Файл настроек {file} не читается: {error}",
    ),
    "config.value": (
        "The setting {key} cannot be {value}.",
        "Настройка {key} не может быть {value}.",
    ),
    "config.relation": ("The limits do not fit: {error}", "Ограничения не согласованы: {error}"),
    # -- Errors: one text for each code of `errors.Code`, with what to do -----------------------
    "error.bad_protocol": (
        "This port speaks JSON objects, one a line. Nothing else is understood here.",
        "Этот порт понимает объекты JSON, по одному в строке, и ничего другого.",
    ),
    "error.too_long": (
        "The object is longer than {bytes} bytes. The connection is closed; send less at once.",
        "Объект длиннее {bytes} байт. Соединение закрыто; присылайте меньше за раз.",
    ),
    "error.bad_utf8": (
        "These bytes are not UTF-8. The connection is closed.",
        "Эти байты — не UTF-8. Соединение закрыто.",
    ),
    "error.bad_json": (
        "This is not one JSON object. Check quotes, commas and brackets.",
        "Это не один объект JSON. Проверьте кавычки, запятые и скобки.",
    ),
    "error.too_deep": (
        "The object is nested deeper than {depth}.",
        "Вложенность объекта больше {depth}.",
    ),
    "error.duplicate_key": (
        "A key stands in the object twice. Send each key once.",
        "Ключ встречается в объекте дважды. Пришлите каждый ключ один раз.",
    ),
    "error.unknown_action": (
        "There is no such action. The protocol's reference lists them.",
        "Такого действия нет. Все действия перечислены в описании протокола.",
    ),
    "error.bad_field": (
        "A field is missing, unknown or of the wrong type: {detail}",
        "Поле пропущено, неизвестно или не того типа: {detail}",
    ),
    "error.bad_text": (
        "The text holds a character that may not be sent: a control character (only a message may "
        "hold new lines and tabs), or half of a surrogate pair.",
        "В тексте есть недопустимый символ: управляющий (переводы строки и табуляции может "
        "содержать только сообщение) или половина суррогатной пары.",
    ),
    "error.not_authenticated": (
        "Register under a name first.",
        "Сначала зарегистрируйтесь под именем.",
    ),
    "error.already_registered": (
        "You are registered already. Connect anew to be somebody else.",
        "Вы уже зарегистрированы. Чтобы войти под другим именем, подключитесь заново.",
    ),
    "error.name_empty": ("A name is needed.", "Нужно имя."),
    "error.name_too_long": (
        "The name is too long: at most 32 letters and 64 bytes.",
        "Имя слишком длинное: не больше 32 букв и 64 байт.",
    ),
    "error.name_bad_character": (
        "The name holds something that names may not: {detail}. Letters, digits and _ - . ' are "
        "fine, a letter or digit first.",
        "В имени недопустимое: {detail}. Годятся буквы, цифры и _ - . ', первой — буква или цифра.",
    ),
    "error.name_reserved": (
        "This name is kept for the server. Choose another.",
        "Это имя занято самим сервером. Выберите другое.",
    ),
    "error.name_taken": (
        "This name is taken. Choose another.",
        "Это имя занято. Выберите другое.",
    ),
    "error.name_confusable": (
        "This name looks like one that is taken. Choose another.",
        "Это имя выглядит как уже занятое. Выберите другое.",
    ),
    "error.wrong_password": ("The password is wrong.", "Неверный пароль."),
    "error.password_required": (
        "This name belongs to an account: its password is needed. Or choose another name.",
        "Это имя принадлежит учётной записи: нужен пароль. Или выберите другое имя.",
    ),
    "error.password_too_short": (
        "The password is too short: {characters} characters at least.",
        "Пароль слишком короткий: не меньше {characters} символов.",
    ),
    "error.password_too_long": (
        "The password is too long: {bytes} bytes at most.",
        "Пароль слишком длинный: не больше {bytes} байт.",
    ),
    "error.bad_token": (
        "This device is no longer known under this name. Register anew.",
        "Это устройство больше не известно под этим именем. Зарегистрируйтесь заново.",
    ),
    "error.too_many_devices": (
        "Too many devices are connected under this name. Close one.",
        "Под этим именем подключено слишком много устройств. Закройте одно.",
    ),
    "error.registration_timeout": (
        "Nobody registered in time. Connect again when you are ready.",
        "Никто не зарегистрировался вовремя. Подключитесь снова, когда будете готовы.",
    ),
    "error.too_many_refusals": (
        "Too many refused registrations. Connect again later.",
        "Слишком много отказов при регистрации. Подключитесь позже.",
    ),
    "error.no_such_user": (
        "There is nobody called {name}.",
        "Никого с именем {name} нет.",
    ),
    "error.no_such_room": (
        "There is no room {room}, or it is not open to you.",
        "Комнаты {room} нет, или она вам не открыта.",
    ),
    "error.not_a_member": (
        "You are not in {room}. Join it first.",
        "Вы не в комнате {room}. Сначала войдите в неё.",
    ),
    "error.room_exists": (
        "A room of this name, or of one that looks like it, exists. Join it or choose another.",
        "Комната с таким или похожим названием уже есть. Войдите в неё или выберите другое.",
    ),
    "error.common_room": (
        "Everyone is in the common room: it is neither joined nor left.",
        "В общей комнате все: в неё не входят и из неё не выходят.",
    ),
    "error.limit_reached": (
        "There may be no more of these: {detail}.",
        "Больше таких быть не может: {detail}.",
    ),
    "error.text_empty": ("There is nothing to send.", "Отправлять нечего."),
    "error.text_too_long": (
        "The text is longer than {bytes} bytes. Split it.",
        "Текст длиннее {bytes} байт. Разделите его.",
    ),
    "error.id_conflict": (
        "This id was used for another write. Each write needs an id of its own.",
        "Этот id уже использован для другой записи. Каждой записи нужен свой id.",
    ),
    "error.cursor_ahead": (
        "This place is beyond the end of the conversation.",
        "Это место дальше конца беседы.",
    ),
    "error.rate_limited": (
        "Too much at once. Go on in {seconds} s.",
        "Слишком много сразу. Продолжайте через {seconds} с.",
    ),
    "error.busy": (
        "The server is busy. Try again in a moment.",
        "Сервер занят. Повторите через мгновение.",
    ),
    "error.unavailable": (
        "The server cannot store anything right now. Nothing of this was kept; try again.",
        "Сервер сейчас не может ничего сохранить. Это не сохранено; повторите.",
    ),
    "error.too_many_connections": (
        "Too many connections. Try again later.",
        "Слишком много соединений. Попробуйте позже.",
    ),
    "error.no_answer": (
        "No answer for {seconds} s: the connection is closed. Resume from your cursors.",
        "Нет ответа {seconds} с: соединение закрыто. Продолжайте со своих курсоров.",
    ),
    "error.stalled": (
        "Nothing was taken for {seconds} s: the connection is closed. Resume from your cursors.",
        "Ничего не прочитано за {seconds} с: соединение закрыто. Продолжайте со своих курсоров.",
    ),
    "error.shutting_down": (
        "The server is stopping. Connect again soon; nothing is lost.",
        "Сервер останавливается. Подключитесь чуть позже; ничего не потеряно.",
    ),
    "error.resumed_elsewhere": (
        "This device resumed on another connection.",
        "Это устройство продолжило работу в другом соединении.",
    ),
    "error.internal": (
        "Something broke in the server. The connection is closed; nothing stored is lost.",
        "В сервере что-то сломалось. Соединение закрыто; сохранённое не потеряно.",
    ),
    # -- The plain client, and the commands `chat`, `send`, `tail` -------------------------------
    "chat.ask_name": ("Your name: ", "Ваше имя: "),
    "chat.ask_name_again": ("Your name [{name}]: ", "Ваше имя [{name}]: "),
    "chat.ask_password": ("Password: ", "Пароль: "),
    "chat.ask_password_hint": (
        "What you type is not shown. An empty line: choose another name.",
        "Набранное не показывается. Пустая строка: выбрать другое имя.",
    ),
    "chat.connecting": ("Connecting to {server} …", "Подключение к {server} …"),
    "chat.online": ("Online: {names}", "В сети: {names}"),
    "chat.online_more": ("Online: {names} … and {n} more", "В сети: {names} … и ещё {n}"),
    "chat.hint": (
        "Type and press Enter. /help lists the commands, /quit leaves.",
        "Пишите и нажимайте Enter. /help — команды, /quit — выход.",
    ),
    "chat.again": ("Connected again.", "Снова на связи."),
    "chat.unsent": ("Going out now: {n} {lines} unsent.", "Уходит неотправленное: {n} {lines}."),
    "chat.lines": ("line|lines", "строка|строки|строк"),
    "chat.people": ("person|people", "человек|человека|человек"),
    "chat.unread": ("Unread: {list}", "Непрочитанное: {list}"),
    "chat.cut.unreachable": (
        "{server} cannot be reached ({detail}). Trying again until it can.",
        "{server} недоступен ({detail}). Попытки продолжаются.",
    ),
    "chat.cut.closed": (
        "The connection is lost ({detail}). Connecting again; what you type waits.",
        "Соединение потеряно ({detail}). Идёт переподключение; набранное подождёт.",
    ),
    "chat.cut.silent": (
        "The server does not answer. Connecting again; what you type waits.",
        "Сервер не отвечает. Идёт переподключение; набранное подождёт.",
    ),
    "chat.cut.unreadable": (
        "{server} does not speak our protocol ({detail}). Trying again.",
        "{server} говорит не на нашем протоколе ({detail}). Попытки продолжаются.",
    ),
    "chat.cut.no_detail": ("no reason given", "причина неизвестна"),
    "chat.elsewhere": (
        "You go on in another window under this name; this one ends.",
        "Вы продолжаете под этим именем в другом окне; это закрывается.",
    ),
    "chat.second": (
        "Another window is open here as {name}: this one is a device of its own, and forgets what "
        "is unsent when it closes.",
        "Здесь уже открыто окно под именем {name}: это — отдельное устройство, и неотправленное "
        "оно забудет при закрытии.",
    ),
    "chat.no_disk": (
        "What is unsent cannot be kept on disk ({error}): it is forgotten when this closes.",
        "Неотправленное нельзя хранить на диске ({error}): оно забудется при закрытии.",
    ),
    "chat.no_token": (
        "Your sign-in cannot be kept on disk ({error}).",
        "Вход нельзя сохранить на диске ({error}).",
    ),
    "chat.message": ("{name}: {text}", "{name}: {text}"),
    "chat.whisper_from": ("{name} → you: {text}", "{name} → вам: {text}"),
    "chat.whisper_to": ("you → {name}: {text}", "вы → {name}: {text}"),
    "chat.created": ("* {name} made the room {room}", "* {name}: создана комната {room}"),
    "chat.joined": ("* {name} joined {room}", "* {name} теперь в {room}"),
    "chat.left": ("* {name} left {room}", "* {name} больше не в {room}"),
    "chat.topic": ("* {name} set the topic of {room}: {text}", "* {name}, тема {room}: {text}"),
    "chat.topic_removed": (
        "* {name} removed the topic of {room}",
        "* {name} убирает тему {room}",
    ),
    "chat.topic_is": ("Topic of {room}: {text}", "Тема {room}: {text}"),
    "chat.topic_none": ("{room} has no topic.", "У {room} нет темы."),
    "chat.arrived": ("* online: {names}", "* в сети: {names}"),
    "chat.gone": ("* offline: {names}", "* не в сети: {names}"),
    "chat.away": ("* {name} is away", "* {name} отсутствует"),
    "chat.away_text": ("* {name} is away: {text}", "* {name} отсутствует: {text}"),
    "chat.is_back": ("* {name} is back", "* {name} снова здесь"),
    "chat.you_away": ("You are away; /back when you return.", "Вы отошли; вернётесь — /back."),
    "chat.you_back": ("You are back.", "Вы снова здесь."),
    "chat.will_see": (
        "{name} is not online and will see it later.",
        "{name} не в сети и увидит это позже.",
    ),
    "chat.more_lines": ("… {n} more {lines}", "… ещё {n} {lines}"),
    "chat.earlier": ("— {where}, earlier —", "— {where}, раньше —"),
    "chat.earlier_end": ("— end of the earlier lines —", "— конец прежних строк —"),
    "chat.nothing_earlier": ("{where}: nothing earlier.", "{where}: раньше ничего нет."),
    "chat.gap": (
        "{where}: {n} {lines} not shown. /history shows earlier ones.",
        "{where}: не показано: {n} {lines}. Прежние показывает /history.",
    ),
    "chat.gap_remains": (
        "{where}: {n} {lines} cannot be had.",
        "{where}: получить нельзя: {n} {lines}.",
    ),
    "chat.gap_line": ("(missed) ", "(пропущенное) "),
    "chat.log_restarted": (
        "{where}: this is another person under an old name; a new conversation begins.",
        "{where}: под прежним именем теперь другой человек; начинается новая беседа.",
    ),
    "chat.waits": ("(not sent yet) {text}", "(ещё не отправлено) {text}"),
    "chat.postponed": (
        "{text} Your lines wait and go out by themselves.",
        "{text} Ваши строки ждут и уйдут сами.",
    ),
    "chat.not_sent": ("Not sent: {text}", "Не отправлено: {text}"),
    "chat.not_yet": (
        "You are not in yet: this was not sent.",
        "Вы ещё не вошли: это не отправлено.",
    ),
    "chat.outbox_full": (
        "Too much is unsent already; wait until it has gone.",
        "Слишком много неотправленного; подождите, пока оно уйдёт.",
    ),
    "chat.outbox_disk": (
        "Not sent: it cannot be kept on disk ({error}).",
        "Не отправлено: нельзя сохранить на диске ({error}).",
    ),
    "chat.kept": (
        "Unsent: {n} {lines}, kept; they go out when you come back as {name}.",
        "Не отправлено: {n} {lines}; сохранено и уйдёт, когда вернётесь под именем {name}.",
    ),
    "chat.lost": ("Unsent and lost: {n} {lines}.", "Не отправлено и потеряно: {n} {lines}."),
    "chat.unknown": (
        "There is no command {word}; nothing was sent. /help lists them, {literal} is said as "
        "text.",
        "Команды {word} нет; ничего не отправлено. Список — /help, как текст — {literal}.",
    ),
    "chat.usage": ("Like this: {usage}", "Вот так: {usage}"),
    "chat.target": (
        "What you type goes to {where} now.",
        "Теперь набранное идёт: {where}.",
    ),
    "chat.users": ("{where} ({n}): {names}", "{where} ({n}): {names}"),
    "chat.users_here": ("Online", "В сети"),
    "chat.users_offline": ("Not online: {names}", "Не в сети: {names}"),
    "chat.user_away": ("{name} (away)", "{name} (нет на месте)"),
    "chat.user_away_text": ("{name} (away: {text})", "{name} (нет на месте: {text})"),
    "chat.room": ("{mark} {room}, {n} {people}", "{mark} {room}, {n} {people}"),
    "chat.room_topic": (
        "{mark} {room}, {n} {people}: {text}",
        "{mark} {room}, {n} {people}: {text}",
    ),
    "chat.rooms_total": ("… of {n} rooms in all", "… всего комнат: {n}"),
    "chat.server_says": ("The server: {text}", "Сервер: {text}"),
    "chat.bye": ("Goodbye.", "До свидания."),
    "chat.help.help": ("/help|this list", "/help|этот список"),
    "chat.help.w": (
        "/w NAME [TEXT]|say it to one person; without a text, to whom what you type goes",
        "/w ИМЯ [ТЕКСТ]|сказать одному; без текста — кому пойдёт набранное",
    ),
    "chat.help.join": (
        "/join #ROOM|enter a room; what you type goes there",
        "/join #КОМНАТА|войти в комнату; набранное пойдёт туда",
    ),
    "chat.help.leave": ("/leave [#ROOM]|leave a room", "/leave [#КОМНАТА]|выйти из комнаты"),
    "chat.help.create": (
        "/create #ROOM [TOPIC]|make a room",
        "/create #КОМНАТА [ТЕМА]|создать комнату",
    ),
    "chat.help.topic": (
        "/topic [#ROOM] [TEXT]|show or set a room's topic; - removes it",
        "/topic [#КОМНАТА] [ТЕКСТ]|показать или задать тему; - убирает её",
    ),
    "chat.help.rooms": ("/rooms|the rooms there are", "/rooms|какие есть комнаты"),
    "chat.help.users": (
        "/users [#ROOM]|who is online, or in a room",
        "/users [#КОМНАТА]|кто в сети или в комнате",
    ),
    "chat.help.history": (
        "/history [N]|earlier lines of where you are, 20 unless told",
        "/history [N]|прежние строки текущей беседы, без числа — 20",
    ),
    "chat.help.away": ("/away [TEXT]|say that you are away", "/away [ТЕКСТ]|сказать, что отошли"),
    "chat.help.back": ("/back|say that you are back", "/back|сказать, что вернулись"),
    "chat.help.quit": ("/quit|leave", "/quit|выйти"),
    "chat.help_literal": (
        "//text says /text. \\w works as in 2022, and so do commands typed in Russian: /ьып.",
        "//текст скажет /текст. \\w работает, как в 2022-м; команды понятны и в русской "
        "раскладке: /ьып.",
    ),
    "chat.unavailable": (
        "{server} cannot be reached ({detail}).",
        "{server} недоступен ({detail}).",
    ),
    "chat.unconfirmed": (
        "Not confirmed as stored: {n} {lines}.",
        "Не подтверждено сохранение: {n} {lines}.",
    ),
    "chat.bad_server": (
        "This is not HOST or HOST:PORT: {server}",
        "Это не АДРЕС и не АДРЕС:ПОРТ: {server}",
    ),
    # -- The command line ------------------------------------------------------------------------
    "chat.cli.about": (
        "Molva, a chat for everyone in the room: one command, one port, nothing said is lost.",
        "Молва — чат для всех в комнате: одна команда, один порт, сказанное не теряется.",
    ),
    "chat.cli.usage": ("Usage:", "Вызов:"),
    "chat.cli.commands": ("Commands:", "Команды:"),
    "chat.cli.options": ("Options:", "Параметры:"),
    "chat.cli.arguments": ("Arguments:", "Аргументы:"),
    "chat.cli.help": ("Show this and exit.", "Показать это и выйти."),
    "chat.cli.language": (
        "Language: en or ru; else MOLVA_LANGUAGE, else LANG.",
        "Язык: en или ru; иначе MOLVA_LANGUAGE, иначе LANG.",
    ),
    "chat.cli.serve": ("Serve the chat.", "Запустить сервер."),
    "chat.cli.host": (
        "Address to listen on; 0.0.0.0 lets the network in. MOLVA_HOST; 127.0.0.1 unless given.",
        "Адрес; 0.0.0.0 пускает из сети. MOLVA_HOST; без него 127.0.0.1.",
    ),
    "chat.cli.port": (
        "TCP port; 0 takes a free one. MOLVA_PORT; 8888 unless given.",
        "Порт TCP; 0 — любой свободный. MOLVA_PORT; без него 8888.",
    ),
    "chat.cli.data": (
        "Directory of the database. MOLVA_DATA.",
        "Каталог базы данных. MOLVA_DATA.",
    ),
    "chat.cli.config": (
        "TOML file of settings. MOLVA_CONFIG.",
        "Файл настроек TOML. MOLVA_CONFIG.",
    ),
    "chat.cli.limits": (
        "on or off: whether anybody may be too fast. Off is for benches.",
        "on или off: ограничивать ли скорость. off — для измерений.",
    ),
    "chat.cli.quiet": (
        "Show only start, stop and trouble. MOLVA_QUIET.",
        "Показывать только запуск, остановку и неполадки. MOLVA_QUIET.",
    ),
    "chat.cli.chat": ("Talk, in this terminal.", "Беседовать в этом терминале."),
    "chat.cli.server": (
        "HOST or HOST:PORT. MOLVA_SERVER; 127.0.0.1:8888 unless given.",
        "АДРЕС или АДРЕС:ПОРТ. MOLVA_SERVER; без него 127.0.0.1:8888.",
    ),
    "chat.cli.name": (
        "Your name. MOLVA_NAME. For a name with a password: MOLVA_PASSWORD.",
        "Ваше имя. MOLVA_NAME. Если имя с паролем: MOLVA_PASSWORD.",
    ),
    "chat.cli.plain": (
        "Line by line; so far there is no other way.",
        "Построчно; пока это единственный вид.",
    ),
    "chat.cli.password": (
        "Ask for a password: it keeps the name yours.",
        "Спросить пароль: с ним имя останется за вами.",
    ),
    "chat.cli.send": (
        "Say something and leave; done when it is stored.",
        "Сказать и выйти; готово, когда сохранено.",
    ),
    "chat.cli.send_more": (
        "Exit codes: 0 all is stored, 1 refused, 2 wrong usage, 69 the server is not there.",
        "Коды выхода: 0 всё сохранено, 1 отказ, 2 неверный вызов, 69 сервер недоступен.",
    ),
    "chat.cli.to": (
        "A room ('#general', with quotes) or a person.",
        "Комната ('#general', в кавычках) или человек.",
    ),
    "chat.cli.text": (
        "What to say; - takes each line of the standard input as a message.",
        "Что сказать; - берёт каждую строку стандартного ввода как сообщение.",
    ),
    "chat.cli.tail": ("Print what is said.", "Выводить, что говорят."),
    "chat.cli.json": (
        "Print each entry as the protocol's JSON line.",
        "Выводить каждую запись строкой JSON протокола.",
    ),
    "chat.cli.lines": (
        "How many earlier entries to begin with; 10 unless given.",
        "Сколько прежних записей показать сначала; без числа 10.",
    ),
    "chat.cli.follow": (
        "Go on with what comes; --no-follow ends after the earlier ones.",
        "Продолжать с новыми; --no-follow — закончить на прежних.",
    ),
    "chat.cli.version": ("Print the version.", "Показать версию."),
    "chat.cli.no_command": (
        "There is no command {name}. molva --help lists them.",
        "Команды {name} нет. Список: molva --help.",
    ),
    "chat.cli.no_option": (
        "There is no option {name}. molva {command} --help lists them.",
        "Параметра {name} нет. Список: molva {command} --help.",
    ),
    "chat.cli.missing": (
        "Missing: {name}. molva {command} --help says how. (A # needs quotes: '#general'.)",
        "Не хватает: {name}. Подробнее: molva {command} --help. (Знак # берут в кавычки: "
        "'#general'.)",
    ),
    "chat.cli.bad_value": (
        "This value does not fit: {detail}. molva {command} --help says how.",
        "Значение не подходит: {detail}. Подробнее: molva {command} --help.",
    ),
    "chat.cli.extra": (
        "This is too much: {detail}. molva {command} --help says how.",
        "Это лишнее: {detail}. Подробнее: molva {command} --help.",
    ),
    "chat.cli.wait": (
        "Seconds to try a server that is not there; 5 unless given.",
        "Сколько секунд пробовать недоступный сервер; без числа 5.",
    ),
}
